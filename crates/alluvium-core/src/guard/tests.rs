//! The guard's outcome table, row by row.

use super::*;
use crate::policy::{Erasure, Tombstone};
use crate::version::VersionKind;

fn v(value: u64) -> Version {
    Version { incarnation: "i".to_owned(), kind: VersionKind::Producer, value }
}

fn acl(reader: &str) -> Acl {
    Acl { readers: vec![reader.to_owned()], ..Acl::default() }
}

fn known(version: Version, text: &str, state: DocumentState) -> Known {
    let pipeline_fingerprint = Sha256::of("pipeline");
    Known {
        content: Some(KnownContent {
            version,
            hash: Some(Sha256::of(text)),
            pipeline_fingerprint,
            state,
            withdrawn: false,
        }),
        policy: Some(Policy::new(acl("a"), v(5))),
    }
}

fn upsert(known: &Known, version: Version, text: &str, pipeline: &str) -> ContentVerdict {
    judge_upsert(known, &version, &Sha256::of(text), &Sha256::of(pipeline))
}

#[test]
fn content_by_version_and_hash() {
    use ContentVerdict::{Replace, Stale, Touch, Unchanged};
    let k = known(v(5), "t", DocumentState::Indexed);
    assert_eq!(upsert(&k, v(4), "t", "pipeline"), Stale);
    assert_eq!(upsert(&k, v(4), "u", "pipeline"), Stale);
    assert_eq!(upsert(&k, v(5), "t", "pipeline"), Unchanged);
    assert_eq!(upsert(&k, v(5), "t", "other"), Replace);
    assert!(matches!(upsert(&k, v(5), "u", "pipeline"), ContentVerdict::Refuse(_)));
    assert_eq!(upsert(&k, v(6), "t", "pipeline"), Touch);
    assert_eq!(upsert(&k, v(6), "u", "pipeline"), Replace);
    assert_eq!(upsert(&Known::default(), v(1), "t", "pipeline"), Replace);
}

#[test]
fn files_have_no_order_and_go_by_hash() {
    let k = known(Version::observed(), "t", DocumentState::Indexed);
    assert_eq!(upsert(&k, Version::observed(), "t", "pipeline"), ContentVerdict::Unchanged);
    assert_eq!(upsert(&k, Version::observed(), "u", "pipeline"), ContentVerdict::Replace);
    let gone = known(Version::observed(), "t", DocumentState::Deleted);
    assert_eq!(upsert(&gone, Version::observed(), "t", "pipeline"), ContentVerdict::Replace);
    let delete = PreparedContent::Deleted { version: Version::observed() };
    assert_eq!(judge_content(&gone, &delete), ContentVerdict::Unchanged);
    assert_eq!(judge_content(&k, &delete), ContentVerdict::Delete);
}

#[test]
fn a_deletion_is_not_undone_by_what_came_before_it() {
    let mut k = known(v(7), "t", DocumentState::Deleted);
    assert_eq!(upsert(&k, v(7), "t", "pipeline"), ContentVerdict::Stale);
    assert_eq!(upsert(&k, v(6), "t", "pipeline"), ContentVerdict::Stale);
    assert_eq!(upsert(&k, v(8), "t", "pipeline"), ContentVerdict::Replace);
    // The same when only policy remembers it, as after a rollback.
    k.content = None;
    if let Some(policy) = &mut k.policy {
        policy.deleted = Some(Tombstone { seq: 1, version: v(7) });
    }
    assert_eq!(upsert(&k, v(6), "t", "pipeline"), ContentVerdict::Stale);
    assert_eq!(upsert(&k, v(7), "t", "pipeline"), ContentVerdict::Stale, "also without a row of content");
    assert_eq!(judge_content(&k, &PreparedContent::Deleted { version: v(6) }), ContentVerdict::Stale);
}

#[test]
fn an_erased_id_refuses_content() {
    let mut k = known(v(5), "t", DocumentState::Deleted);
    if let Some(policy) = &mut k.policy {
        policy.erase(9, Some(v(5)));
    }
    assert_eq!(judge_content(&k, &PreparedContent::Deleted { version: v(9) }), ContentVerdict::Erased);
    assert_eq!(judge_content(&k, &PreparedContent::Unsaid), ContentVerdict::Unsaid);
}

#[test]
fn what_an_erasure_took_never_comes_back() {
    // The id was taken again, and a rollback brought back the record of an earlier version.
    let mut k = known(v(3), "t", DocumentState::Deleted);
    if let Some(policy) = &mut k.policy {
        policy.erase(9, Some(v(5)));
        policy.deleted = None;
        policy.erased = policy.erased.take().map(|erasure| Erasure { undone_seq: Some(10), ..erasure });
    }
    for late in [4, 5] {
        assert_eq!(upsert(&k, v(late), "before", "pipeline"), ContentVerdict::Stale);
    }
    assert_eq!(upsert(&k, v(6), "after", "pipeline"), ContentVerdict::Replace);
}

#[test]
fn access_by_version_and_list() {
    let k = known(v(1), "t", DocumentState::Indexed);
    let declare =
        |version, reader: &str| judge_access(&k, &AccessChange::Declared { version, acl: acl(reader) });
    assert_eq!(declare(v(4), "b"), AccessVerdict::Keep, "a replayed old grant");
    assert_eq!(declare(v(5), "a"), AccessVerdict::Keep);
    assert!(matches!(declare(v(5), "b"), AccessVerdict::Refuse(_)));
    assert_eq!(declare(v(6), "b"), AccessVerdict::Set { acl: acl("b"), version: v(6) });
    assert_eq!(declare(Version::observed(), "a"), AccessVerdict::Keep);
    assert!(matches!(declare(Version::observed(), "b"), AccessVerdict::Set { .. }));
}

#[test]
fn a_list_that_says_what_is_known_gives_it_a_version() {
    let mut k = known(v(1), "t", DocumentState::Indexed);
    if let Some(policy) = &mut k.policy {
        (policy.acl, policy.acl_version) = (acl("a"), Version::observed());
    }
    let declare =
        |version, reader: &str| judge_access(&k, &AccessChange::Declared { version, acl: acl(reader) });
    assert_eq!(declare(v(4), "a"), AccessVerdict::Set { acl: acl("a"), version: v(4) });
    assert_eq!(declare(Version::observed(), "a"), AccessVerdict::Keep);
}

#[test]
fn silence_keeps_takes_the_default_or_is_refused() {
    let k = known(v(1), "t", DocumentState::Indexed);
    let none = Known::default();
    let silent = AccessChange::Unsaid { default: None };
    let default = AccessChange::Unsaid { default: Some(acl("d")) };
    assert_eq!(judge_access(&k, &default), AccessVerdict::Keep);
    assert_eq!(judge_access(&none, &silent), AccessVerdict::Missing);
    assert!(matches!(judge_access(&none, &default), AccessVerdict::Set { .. }));
}

#[test]
fn a_list_that_can_not_be_read_hides_over_what_is_older() {
    let refusal = || Refusal::new(Stage::Access, Cause::BadAccessList, "line 1");
    let unreadable = |version| AccessChange::Unreadable { version, refusal: refusal() };
    let hides = |version| AccessVerdict::Hide { refusal: refusal(), version };
    let mut k = known(v(1), "t", DocumentState::Indexed);
    assert_eq!(judge_access(&Known::default(), &unreadable(v(1))), hides(v(1)));
    assert_eq!(judge_access(&k, &unreadable(v(4))), AccessVerdict::Keep, "a newer list is known");
    assert_eq!(judge_access(&k, &unreadable(v(5))), AccessVerdict::Keep, "this very list is known");
    for newer in [v(6), Version::observed()] {
        assert_eq!(judge_access(&k, &unreadable(newer.clone())), hides(newer));
    }
    let policy = k.policy.as_mut().unwrap();
    (policy.acl, policy.acl_unreadable) = (Acl::nobody(), true);
    let declared = |version, acl| judge_access(&k, &AccessChange::Declared { version, acl });
    assert_eq!(judge_access(&k, &unreadable(v(4))), AccessVerdict::Keep);
    assert_eq!(judge_access(&k, &unreadable(v(5))), hides(v(5)), "one more attempt");
    assert_eq!(declared(v(4), acl("old")), AccessVerdict::Keep, "an older grant undoes nothing");
    for list in [acl("b"), Acl::nobody()] {
        let set = AccessVerdict::Set { acl: list.clone(), version: v(5) };
        assert_eq!(declared(v(5), list), set, "what could not be read, readable");
    }
}

fn refused(cause: Cause, version: Version, text: &str, hide: bool) -> PreparedContent {
    PreparedContent::Refused(Box::new(RefusedContent {
        version,
        refusal: Refusal::new(Stage::Extract, cause, "x"),
        content_hash: Some(Sha256::of(text)),
        pipeline_fingerprint: Sha256::of("pipeline"),
        uri: String::new(),
        media_type: None,
        hide,
        deleted: None,
    }))
}

#[test]
fn what_a_source_does_not_say_any_more_is_withdrawn() {
    use ContentVerdict::{Refuse, Stale, Withdraw};
    let k = known(v(5), "t", DocumentState::Indexed);
    let judge =
        |k: &Known, cause, version, text: &str, hide| judge_content(k, &refused(cause, version, text, hide));
    assert!(matches!(judge(&k, Cause::Empty, v(6), "", false), Withdraw(_)));
    assert!(matches!(judge(&k, Cause::Corrupt, v(6), "", false), Refuse(_)), "there, and can't be read");
    assert!(matches!(judge(&k, Cause::Corrupt, v(6), "", true), Withdraw(_)), "the source wants it so");
    assert_eq!(judge(&k, Cause::Empty, v(4), "", false), Stale);
    assert!(matches!(judge(&k, Cause::Empty, v(5), "t", false), Withdraw(_)), "the same bytes, read anew");
    let conflict = judge(&k, Cause::Empty, v(5), "u", false);
    assert!(matches!(conflict, Refuse(refusal) if refusal.cause == Cause::VersionConflict));
    let gone = known(v(5), "t", DocumentState::Deleted);
    assert_eq!(judge(&gone, Cause::Empty, v(5), "u", false), Stale);
    assert!(matches!(judge(&Known::default(), Cause::Empty, v(1), "", false), Withdraw(_)));
}

#[test]
fn what_is_withdrawn_is_not_undone_by_what_came_before_it() {
    let mut k = known(v(5), "", DocumentState::Quarantined);
    assert_eq!(upsert(&k, v(4), "t", "pipeline"), ContentVerdict::Replace, "a refusal blocks nothing");
    if let Some(content) = &mut k.content {
        content.withdrawn = true;
    }
    assert_eq!(upsert(&k, v(4), "t", "pipeline"), ContentVerdict::Stale);
    assert_eq!(upsert(&k, v(5), "t", "pipeline"), ContentVerdict::Replace, "another try finds a text in it");
    assert_eq!(upsert(&k, v(6), "t", "pipeline"), ContentVerdict::Replace);
    assert_eq!(judge_content(&k, &PreparedContent::Deleted { version: v(4) }), ContentVerdict::Stale);
}

#[test]
fn what_leaves_a_text_as_it_was_needs_one() {
    let kept = |version| {
        let (metadata, left, missing) = (vec![], vec![], "column body was not logged".to_owned());
        PreparedContent::Kept(Box::new(KeptContent {
            version,
            title: None,
            uri: None,
            metadata,
            left,
            missing,
        }))
    };
    let k = known(v(5), "t", DocumentState::Indexed);
    assert_eq!(judge_content(&k, &kept(v(6))), ContentVerdict::Describe);
    assert_eq!(judge_content(&k, &kept(v(4))), ContentVerdict::Stale);
    for k in [
        Known::default(),
        known(v(5), "t", DocumentState::Deleted),
        known(v(5), "t", DocumentState::Quarantined),
    ] {
        let verdict = judge_content(&k, &kept(v(6)));
        assert!(matches!(verdict, ContentVerdict::Refuse(refusal) if refusal.detail.contains("column body")));
    }
}
