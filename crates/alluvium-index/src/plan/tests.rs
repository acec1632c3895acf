//! The plan, case by case. What the guard judges is tested where the guard is.

use alluvium_core::change::{MediaType, Origin};
use alluvium_core::commit::Counts;
use alluvium_core::document::{IndexedContent, RefusedContent};
use alluvium_core::extract::{Component, Extracted};
use alluvium_core::fold::fold;
use alluvium_core::hash::Sha256;
use alluvium_core::id::DocId;
use alluvium_core::notes::ExtractionNotes;

use super::*;

fn context() -> Context {
    Context { seq: 7, now: 1_000, pipeline: "p".to_owned(), model: "m@1".to_owned() }
}

fn acl(reader: &str) -> Acl {
    Acl { readers: vec![reader.to_owned()], ..Acl::default() }
}

fn declared(reader: &str) -> AccessChange {
    AccessChange::Declared { version: Version::observed(), acl: acl(reader) }
}

fn change(content: PreparedContent, access: AccessChange) -> Prepared {
    Prepared { doc_id: DocId::parse("s/a").unwrap(), content, access, origin: Origin::default() }
}

fn refusal() -> PreparedContent {
    PreparedContent::Refused(Box::new(RefusedContent {
        version: Version::observed(),
        refusal: Refusal::new(Stage::Extract, Cause::Corrupt, "x"),
        content_hash: Some(Sha256::of("bad")),
        pipeline_fingerprint: Sha256::of("pipeline"),
        uri: "u".to_owned(),
        media_type: None,
        hide: false,
        deleted: None,
    }))
}

fn content(text: &str) -> PreparedContent {
    let component = || Component::new("test", "1");
    PreparedContent::Indexed(Box::new(IndexedContent {
        version: Version::observed(),
        content_hash: Sha256::of(text),
        bytes: text.len() as u64,
        pipeline_fingerprint: Sha256::of("pipeline"),
        chunker: component(),
        uri: "u".to_owned(),
        title: "t".to_owned(),
        modified_at: None,
        metadata: vec![],
        extracted: Extracted {
            text: text.to_owned(),
            media_type: MediaType::Plain,
            pages: vec![],
            headings: vec![],
            title: None,
            language: None,
            extractor: component(),
            partial: None,
            notes: ExtractionNotes::default(),
            metadata: vec![],
        },
        chunks: vec![],
    }))
}

fn served() -> HashMap<String, Facts> {
    let policy = Policy::new(acl("g"), Version::observed());
    let document = DocumentFacts {
        doc_id: "s/a".to_owned(),
        uri: "u".to_owned(),
        title: "t".to_owned(),
        version: rows::version_text(&Version::observed()),
        content_hash: Some(Sha256::of("good").into()),
        pipeline_fingerprint: Sha256::of("pipeline").into(),
        text_hash: Some(Sha256::of("text").into()),
        state: "indexed".to_owned(),
        metadata: vec!["a=1".to_owned(), "b=2".to_owned()],
    };
    let policy = Some(PolicyRow::of("s/a", "s", &policy, 1, 1));
    HashMap::from([("s/a".to_owned(), Facts { document: Some(document), policy, open: vec![] })])
}

fn planned(changes: Vec<Prepared>, facts: &HashMap<String, Facts>, context: &Context) -> Result<Plan> {
    plan(Folded { changes, ..Folded::default() }, facts, context)
}

#[test]
fn the_same_access_list_is_nothing_to_publish() {
    let plan = planned(vec![change(PreparedContent::Unsaid, declared("g"))], &served(), &context()).unwrap();
    assert!(plan.is_empty());
}

#[test]
fn another_access_list_moves_rows_and_policy_together() {
    let plan = planned(vec![change(PreparedContent::Unsaid, declared("h"))], &served(), &context()).unwrap();
    assert_eq!(plan.relist, [("s/a".to_owned(), acl("h"))]);
    assert_eq!(plan.policies.iter().map(|p| p.acl_readers.clone()).collect::<Vec<_>>(), [["h"]]);
    assert!(plan.documents.is_empty() && plan.chunks.is_empty());
}

#[test]
fn a_refusal_keeps_the_good_version_and_still_applies_its_access() {
    let plan = planned(vec![change(refusal(), declared("h"))], &served(), &context()).unwrap();
    assert_eq!(plan.quarantine.len(), 1);
    assert!(plan.remove.is_empty() && plan.documents.is_empty());
    assert_eq!(plan.relist.len(), 1, "a revocation is not delayed by bad content");
}

#[test]
fn a_refused_stranger_gets_a_row_that_serves_nothing() {
    let plan = planned(vec![change(refusal(), declared("g"))], &HashMap::new(), &context()).unwrap();
    let states: Vec<_> = plan.documents.iter().map(|d| d.state.as_str()).collect();
    assert_eq!((states, plan.chunks.len(), plan.policies.len()), (vec!["quarantined"], 0, 1));
}

#[test]
fn a_deletion_leaves_a_tombstone_in_policy() {
    let delete = PreparedContent::Deleted { version: Version::observed() };
    let silent = AccessChange::Unsaid { default: None };
    let plan = planned(vec![change(delete, silent)], &served(), &context()).unwrap();
    assert_eq!(plan.remove, ["s/a"]);
    assert_eq!(plan.policies.iter().map(|p| p.deleted_seq).collect::<Vec<_>>(), [Some(7)]);
}

#[test]
fn a_second_attempt_is_the_same_item() {
    let first = planned(vec![change(refusal(), declared("g"))], &served(), &context()).unwrap();
    let mut facts = served();
    facts.get_mut("s/a").unwrap().open = first.quarantine.clone();
    let later = Context { seq: 9, now: 2_000, ..context() };
    let second = planned(vec![change(refusal(), declared("g"))], &facts, &later).unwrap();
    let summary: Vec<_> =
        second.quarantine.iter().map(|q| (q.id.clone(), q.attempts, q.entered_at)).collect();
    let expected: Vec<_> = first.quarantine.iter().map(|q| (q.id.clone(), 2, 1_000)).collect();
    assert_eq!(summary, expected);
}

#[test]
fn what_is_refused_beside_a_change_is_quarantined_unless_it_came_too_late() {
    let delete = PreparedContent::Deleted { version: Version::observed() };
    let beside = || {
        let PreparedContent::Refused(refused) = refusal() else { unreachable!() };
        let silent = AccessChange::Unsaid { default: None };
        (change(refusal(), silent), refused.refusal)
    };
    let folded = |content| Folded {
        changes: vec![change(content, declared("g"))],
        refused: vec![beside()],
        ..Folded::default()
    };
    let both = plan(folded(delete), &served(), &context()).unwrap();
    assert_eq!(
        (both.quarantine.len(), both.counts.total().quarantined, both.counts.total().deleted),
        (1, 1, 1)
    );
    assert_eq!(both.quarantine.iter().filter(|row| row.resolved_seq.is_some()).count(), 0);
    let mut facts = served();
    let erased =
        Some(alluvium_core::policy::Erasure { seq: 3, undone_seq: None, version: Version::observed() });
    let policy = Policy { erased, ..Policy::new(acl("g"), Version::observed()) };
    facts.get_mut("s/a").unwrap().policy = Some(PolicyRow::of("s/a", "s", &policy, 1, 1));
    let late = plan(folded(PreparedContent::Unsaid), &facts, &context()).unwrap();
    assert!(late.quarantine.is_empty(), "an erased id is not asked for its content");
}

fn version(value: u64) -> Version {
    Version { kind: VersionKind::Producer, value, incarnation: String::new() }
}

fn unreadable(version: Version) -> AccessChange {
    AccessChange::Unreadable { version, refusal: Refusal::new(Stage::Access, Cause::BadAccessList, "x") }
}

#[test]
fn a_list_without_a_version_that_can_not_be_read_leaves_that_of_the_one_before() {
    let mut facts = served();
    let policy = Policy::new(acl("g"), version(5));
    facts.get_mut("s/a").unwrap().policy = Some(PolicyRow::of("s/a", "s", &policy, 1, 1));
    let bad = change(PreparedContent::Unsaid, unreadable(Version::observed()));
    let hidden = planned(vec![bad], &facts, &context()).unwrap();
    let policies: Vec<_> = hidden.policies.iter().map(|row| row.policy().unwrap()).collect();
    assert_eq!(policies, [Policy::new(Acl::nobody(), version(5))], "a grant that comes again is not new");
}

#[test]
fn an_older_list_that_lets_nobody_in_says_nothing_of_one_that_can_not_be_read() {
    let mut facts = Facts::default();
    let nobody = AccessChange::Declared { version: version(4), acl: Acl::nobody() };
    for access in [unreadable(version(6)), nobody] {
        let known = HashMap::from([("s/a".to_owned(), facts.clone())]);
        let plan = planned(vec![change(PreparedContent::Unsaid, access)], &known, &context()).unwrap();
        apply(&mut facts, plan);
    }
    assert!(outcome(&facts).1, "a person is still told");
}

/// Applies a plan to what is known.
fn apply(facts: &mut Facts, plan: Plan) {
    facts.policy = plan.policies.into_iter().next_back().or(facts.policy.take());
    for item in plan.quarantine {
        facts.open.retain(|open| open.id != item.id);
        facts.open.extend(item.resolved_seq.is_none().then_some(item));
    }
}

/// Who may read under which version, and whether a person is told of a list that can't be read.
fn outcome(facts: &Facts) -> (Option<(Acl, Version)>, bool) {
    let policy = facts.policy.as_ref().map(|row| row.policy().unwrap());
    let told = facts.open.iter().any(|item| item.cause == Cause::BadAccessList.to_string());
    (policy.map(|policy| (policy.acl, policy.acl_version)), told)
}

/// Every sequence of up to four access changes comes to the same in one batch as one by one. A list that can't
/// be read must not be undone by an older one behind it, nor take with it the version of one before it.
#[test]
fn access_changes_of_one_batch_come_to_what_they_come_to_alone() {
    let list = |value, reader| AccessChange::Declared { version: version(value), acl: acl(reader) };
    let alphabet = [
        list(5, "five"),
        list(7, "seven"),
        list(9, "nine"),
        unreadable(version(6)),
        unreadable(version(7)),
        AccessChange::Unsaid { default: Some(acl("default")) },
    ];
    let mut known = vec![Facts::default()];
    for (value, acl_unreadable) in [(4, false), (7, false), (7, true), (8, false)] {
        let listed = if acl_unreadable { Acl::nobody() } else { acl("seven") };
        let policy = Policy { acl_unreadable, ..Policy::new(listed, version(value)) };
        let policy = Some(PolicyRow::of("s/a", "s", &policy, 1, 1));
        known.push(Facts { policy, ..Facts::default() });
    }
    let sequences = (0..4).fold(vec![vec![]], |longer: Vec<Vec<&AccessChange>>, _| {
        let one_more = longer.iter().flat_map(|sequence| {
            alphabet.iter().map(|access| sequence.iter().copied().chain([access]).collect())
        });
        longer.iter().filter(|sequence| sequence.len() < 3).cloned().chain(one_more).collect()
    });
    for sequence in sequences {
        let changes: Vec<_> =
            sequence.iter().map(|access| change(PreparedContent::Unsaid, (*access).clone())).collect();
        for known in &known {
            let (mut alone, mut folded) = (known.clone(), known.clone());
            for change in changes.clone() {
                let facts = HashMap::from([("s/a".to_owned(), alone.clone())]);
                apply(&mut alone, planned(vec![change], &facts, &context()).unwrap());
            }
            let facts = HashMap::from([("s/a".to_owned(), folded.clone())]);
            apply(&mut folded, plan(fold(changes.clone()), &facts, &context()).unwrap());
            assert_eq!(outcome(&folded), outcome(&alone), "{sequence:#?} over {:?}", outcome(known));
        }
    }
}

#[test]
fn content_that_is_gone_takes_the_old_version_out_of_service() {
    let PreparedContent::Refused(refused) = refusal() else { unreachable!() };
    let refusal = Refusal::new(Stage::Extract, Cause::Empty, "no text");
    let empty = PreparedContent::Refused(Box::new(RefusedContent { refusal, ..*refused }));
    let gone = planned(vec![change(empty.clone(), declared("h"))], &served(), &context()).unwrap();
    assert_eq!(gone.remove, ["s/a"]);
    assert!(gone.relist.is_empty() && gone.chunks.is_empty());
    let rows: Vec<_> = gone.documents.iter().map(|row| (row.state.as_str(), row.text.is_some())).collect();
    assert_eq!(rows, [("quarantined", false)]);
    assert_eq!((gone.quarantine.len(), gone.counts.total().quarantined), (1, 1));
    assert!(gone.policies.iter().all(|policy| policy.deleted_seq.is_none()), "a rollback brings it back");
    // Once more, and then content that can't be read: it stays withdrawn.
    let row = gone.documents.first().unwrap();
    let mut facts = served();
    let known = facts.get_mut("s/a").unwrap();
    known.document = known.document.take().map(|document| DocumentFacts {
        state: row.state.clone(),
        text_hash: row.text_hash.clone(),
        ..document
    });
    let again = planned(vec![change(empty, declared("h"))], &facts, &context()).unwrap();
    assert!(again.remove.is_empty());
    let corrupt = planned(vec![change(self::refusal(), declared("h"))], &facts, &context()).unwrap();
    assert!(corrupt.documents.is_empty() && corrupt.quarantine.len() == 1);
}

#[test]
fn what_is_said_around_a_text_changes_without_it() {
    let kept = |title: Option<&str>, metadata: &[&str], left: &[&str]| {
        let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        change(
            PreparedContent::Kept(Box::new(alluvium_core::document::KeptContent {
                version: Version::observed(),
                title: title.map(str::to_owned),
                uri: None,
                metadata: texts(metadata),
                left: texts(left),
                missing: "column body was not logged".to_owned(),
            })),
            declared("h"),
        )
    };
    let new = planned(vec![kept(Some("new"), &["a=2"], &["b"])], &served(), &context()).unwrap();
    let metadata = vec!["a=2".to_owned(), "b=2".to_owned()];
    let described = Described { title: "new".to_owned(), uri: "u".to_owned(), metadata };
    assert_eq!(new.describe, [("s/a".to_owned(), described)]);
    assert_eq!(new.relist, [("s/a".to_owned(), acl("h"))]);
    assert!(new.remove.is_empty() && new.quarantine.is_empty() && new.documents.is_empty());
    let mut waits = served();
    waits.get_mut("s/a").unwrap().open =
        planned(vec![change(refusal(), declared("g"))], &served(), &context()).unwrap().quarantine;
    let older = planned(vec![kept(Some("new"), &["a=2"], &["b"])], &waits, &context()).unwrap();
    assert!(older.describe.is_empty() && !older.quarantine.is_empty(), "it is said of a text that waits");
    let same = planned(vec![kept(None, &["a=1", "b=2"], &[])], &served(), &context()).unwrap();
    assert!(same.describe.is_empty());
    let stranger = planned(vec![kept(Some("new"), &[], &[])], &HashMap::new(), &context()).unwrap();
    let items: Vec<_> = stranger.quarantine.iter().map(|row| row.detail.contains("column body")).collect();
    assert_eq!(items, [true], "it does not vanish");
}

#[test]
fn each_change_is_counted_once() {
    let counted = |changes: Vec<Prepared>, facts: &HashMap<String, Facts>| {
        let counts = plan(fold(changes), facts, &context()).unwrap().counts.total();
        let Counts { indexed, access, unchanged, deleted, quarantined, .. } = counts;
        [indexed, access, unchanged, deleted, quarantined]
    };
    let (nothing, served) = (HashMap::new(), served());
    let hidden = unreadable(Version::observed());
    let delete = || PreparedContent::Deleted { version: Version::observed() };
    let unsaid = || PreparedContent::Unsaid;
    let silent = || AccessChange::Unsaid { default: None };
    assert_eq!(counted(vec![change(content("new"), declared("g"))], &nothing), [1, 0, 0, 0, 0]);
    assert_eq!(counted(vec![change(content("new"), hidden.clone())], &nothing), [0, 0, 0, 0, 1], "hidden");
    assert_eq!(counted(vec![change(content("new"), silent())], &nothing), [0, 0, 0, 0, 1], "without a list");
    assert_eq!(counted(vec![change(refusal(), hidden.clone())], &served), [0, 0, 0, 0, 1], "both halves");
    assert_eq!(counted(vec![change(unsaid(), hidden)], &served), [0, 0, 0, 0, 1], "a list alone");
    assert_eq!(counted(vec![change(unsaid(), declared("h"))], &served), [0, 1, 0, 0, 0]);
    assert_eq!(counted(vec![change(unsaid(), declared("g"))], &served), [0, 0, 1, 0, 0]);
    assert_eq!(counted(vec![change(delete(), silent())], &served), [0, 0, 0, 1, 0]);
    assert_eq!(counted(vec![change(delete(), silent())], &nothing), [0; 5], "nothing was looked at");
    let twice = vec![change(content("one"), declared("g")), change(content("two"), declared("g"))];
    assert_eq!(counted(twice, &nothing), [1, 0, 1, 0, 0], "the first comes to nothing");
}
