//! Going back: the content of then, the permissions of now, and nothing of what was erased.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod common;

use std::path::Path;

use alluvium_core::commit::{Batch, CommitError, IndexWriter};
use alluvium_core::document::DocumentState;
use alluvium_core::hash::Sha256;
use alluvium_core::id::{DocId, SourceName};
use alluvium_core::quarantine::Cause;
use alluvium_index::{ErrorKind, Index, Releases, Rollback, RollbackOptions, Target, Writer};
use common::{access_only, acl, commit, delete, found, intervention, refused, upsert, writer};
use fail::FailScenario;

fn to(seq: u64) -> RollbackOptions {
    RollbackOptions { to: seq, restore_deleted: false, keep_offsets: false, pause: true }
}

async fn roll_back(root: &Path, options: &RollbackOptions) -> Rollback {
    intervention(root).await.rollback(options).await.unwrap()
}

fn doc(id: &str) -> DocId {
    DocId::parse(id).unwrap()
}

fn seq(w: &Writer) -> u64 {
    w.head().unwrap().seq
}

/// Documents `a` to `f`; then a is edited, b deleted, c tightened, d erased, e erased and made anew, f
/// stays, g is new. Gives the record of before.
async fn history(root: &Path) -> u64 {
    let mut w = writer(root).await;
    let first = ["a", "b", "c", "d", "e", "f"]
        .map(|id| upsert(&format!("s/{id}"), &format!("{id} old"), acl(&["g", "h"])));
    commit(&mut w, first.into()).await;
    let then = seq(&w);
    let changes = vec![
        upsert("s/a", "a new", acl(&["g", "h"])),
        delete("s/b"),
        access_only("s/c", acl(&["h"])),
        upsert("s/g", "g new", acl(&["g", "h"])),
    ];
    commit(&mut w, changes).await;
    drop(w);
    intervention(root).await.erase(&doc("s/d")).await.unwrap();
    intervention(root).await.erase(&doc("s/e")).await.unwrap();
    intervention(root).await.unerase(&doc("s/e")).await.unwrap();
    commit(&mut writer(root).await, vec![upsert("s/e", "e again", acl(&["g", "h"]))]).await;
    assert_eq!(found(root, &["g"]).await, ["s/a: a new", "s/e: e again", "s/f: f old", "s/g: g new"]);
    then
}

#[tokio::test]
async fn the_text_of_then_under_the_permissions_of_now() {
    let dir = tempfile::tempdir().unwrap();
    let then = history(dir.path()).await;
    let planned =
        Index::open(dir.path()).await.unwrap().unwrap().plan_rollback(dir.path(), &to(then)).await.unwrap();
    assert_eq!(found(dir.path(), &["g"]).await.len(), 4, "a plan changes nothing");
    let done = roll_back(dir.path(), &to(then)).await;
    assert_eq!(done.plan, planned);
    assert_eq!(done.plan.restored, ["s/a"]);
    assert_eq!(done.plan.removed, ["s/e", "s/g"]);
    assert_eq!(done.plan.deletions_kept, ["s/b"]);
    assert_eq!(done.plan.erasures_kept, ["s/d", "s/e"]);
    assert_eq!(done.plan.permissions_kept, ["s/c"]);
    assert_eq!(done.plan.sources.get("s"), Some(&3));
    assert_eq!(found(dir.path(), &["g"]).await, ["s/a: a old", "s/f: f old"]);
    assert_eq!(found(dir.path(), &["h"]).await, ["s/a: a old", "s/c: c old", "s/f: f old"]);
}

#[tokio::test]
async fn an_index_that_was_rolled_back_waits_for_resume() {
    let dir = tempfile::tempdir().unwrap();
    let then = history(dir.path()).await;
    assert!(roll_back(dir.path(), &to(then)).await.paused);
    let mut w = writer(dir.path()).await;
    let change = || Batch { changes: vec![upsert("s/a", "a new", acl(&["g"]))], deltas: vec![] };
    let error = w.commit(change()).await.unwrap_err();
    assert!(matches!(error, CommitError::Paused(_)), "{error}");
    assert!(intervention(dir.path()).await.resume().await.unwrap().is_some());
    assert!(intervention(dir.path()).await.resume().await.unwrap().is_none(), "once is enough");
    w.renew().await.unwrap();
    w.commit(change()).await.unwrap();
    assert_eq!(found(dir.path(), &["g"]).await, ["s/a: a new", "s/f: f old"]);
}

#[tokio::test]
async fn deletions_come_back_when_a_person_says_so_and_erasures_never() {
    let dir = tempfile::tempdir().unwrap();
    let then = history(dir.path()).await;
    let done = roll_back(dir.path(), &RollbackOptions { restore_deleted: true, ..to(then) }).await;
    assert_eq!(done.plan.restored, ["s/a", "s/b"]);
    assert_eq!(found(dir.path(), &["g"]).await, ["s/a: a old", "s/b: b old", "s/f: f old"]);
}

#[tokio::test]
async fn a_rollback_can_be_rolled_back_and_repeated() {
    let dir = tempfile::tempdir().unwrap();
    let then = history(dir.path()).await;
    let before = found(dir.path(), &["g", "h"]).await;
    let first = roll_back(dir.path(), &to(then)).await;
    let rolled = found(dir.path(), &["g", "h"]).await;
    roll_back(dir.path(), &to(first.plan.from)).await;
    assert_eq!(found(dir.path(), &["g", "h"]).await, before);
    roll_back(dir.path(), &to(then)).await;
    roll_back(dir.path(), &to(first.seq)).await;
    assert_eq!(found(dir.path(), &["g", "h"]).await, rolled);
    let live = Index::open(dir.path()).await.unwrap().unwrap().record().seq;
    let error = intervention(dir.path()).await.rollback(&to(live)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AlreadyLive);
    for missing in [0, live + 1, u64::MAX] {
        let error = intervention(dir.path()).await.rollback(&to(missing)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
    }
}

#[tokio::test]
async fn a_running_writer_is_fenced_and_follows() {
    let dir = tempfile::tempdir().unwrap();
    let mut w = writer(dir.path()).await;
    commit(&mut w, vec![upsert("s/a", "a old", acl(&["g"]))]).await;
    let then = seq(&w);
    commit(&mut w, vec![upsert("s/a", "a new", acl(&["g"]))]).await;
    assert!(!w.superseded().await.unwrap());
    roll_back(dir.path(), &to(then)).await;
    assert!(w.superseded().await.unwrap());
    let late = Batch { changes: vec![upsert("s/b", "late", acl(&["g"]))], deltas: vec![] };
    let error = w.commit(late).await.unwrap_err();
    assert!(matches!(error, CommitError::Fenced(_)), "{error}");
    assert_eq!(found(dir.path(), &["g"]).await, ["s/a: a old"]);
    w.renew().await.unwrap();
    assert!(w.head().unwrap().paused && !w.superseded().await.unwrap());
    intervention(dir.path()).await.resume().await.unwrap();
    assert!(w.superseded().await.unwrap(), "the writer hears of the resume");
    w.renew().await.unwrap();
    commit(&mut w, vec![upsert("s/a", "a new", acl(&["g"]))]).await;
    assert_eq!(found(dir.path(), &["g"]).await, ["s/a: a new"]);
    // Every record but the first claim is the next of the one before.
    let history = Releases::open(dir.path()).unwrap().history(100).await.unwrap();
    assert!(history.windows(2).all(|pair| pair[0].seq == pair[1].seq + 1 && pair[0].epoch >= pair[1].epoch));
}

#[tokio::test]
async fn kept_offsets_hold_back_what_was_rolled_back_until_it_changes() {
    let dir = tempfile::tempdir().unwrap();
    let then = history(dir.path()).await;
    let keep = RollbackOptions { keep_offsets: true, pause: false, ..to(then) };
    assert!(!roll_back(dir.path(), &keep).await.paused);
    let known = || async {
        let index = Index::open(dir.path()).await.unwrap().unwrap();
        index.known(&SourceName::new("s").unwrap()).await.unwrap()
    };
    let before = known().await;
    assert_eq!(before["a"].content_hash, Some(Sha256::of("a new")), "the source has nothing new to say");
    assert_eq!(before["g"].content_hash, Some(Sha256::of("g new")));
    assert_eq!(before["b"].state, DocumentState::Deleted);
    let held = Index::open(dir.path()).await.unwrap().unwrap().quarantine().await.unwrap();
    let mut held: Vec<(&str, &str)> = held.iter().map(|q| (q.doc_id.as_str(), q.cause.as_str())).collect();
    held.sort_unstable();
    let cause = Cause::RolledBack.to_string();
    assert_eq!(held, [("s/a", cause.as_str()), ("s/e", &cause), ("s/g", &cause)]);
    commit(&mut writer(dir.path()).await, vec![upsert("s/a", "a newest", acl(&["g"]))]).await;
    assert_eq!(found(dir.path(), &["g"]).await, ["s/a: a newest", "s/f: f old"]);
    assert_eq!(Index::open(dir.path()).await.unwrap().unwrap().quarantine().await.unwrap().len(), 2);
    // A further rollback without kept offsets lets everything be replayed.
    roll_back(dir.path(), &to(then)).await;
    assert_eq!(known().await["a"].content_hash, Some(Sha256::of("a old")));
    assert!(Index::open(dir.path()).await.unwrap().unwrap().quarantine().await.unwrap().is_empty());
}

#[tokio::test]
async fn what_was_mended_since_waits_again() {
    let dir = tempfile::tempdir().unwrap();
    let mut w = writer(dir.path()).await;
    commit(&mut w, vec![refused("s/a", "bad", acl(&["g"])), upsert("s/b", "b", acl(&["g"]))]).await;
    let then = seq(&w);
    commit(&mut w, vec![upsert("s/a", "good", acl(&["g"]))]).await;
    drop(w);
    let waiting =
        || async { Index::open(dir.path()).await.unwrap().unwrap().quarantine().await.unwrap().len() };
    assert_eq!(waiting().await, 0);
    roll_back(dir.path(), &to(then)).await;
    assert_eq!(waiting().await, 1);
}

#[tokio::test]
async fn an_erased_document_is_gone_for_every_reader_and_every_change() {
    let dir = tempfile::tempdir().unwrap();
    let mut w = writer(dir.path()).await;
    commit(&mut w, vec![upsert("s/a", "a", acl(&["g"])), upsert("s/b", "b", acl(&["g"]))]).await;
    drop(w);
    intervention(dir.path()).await.erase(&doc("s/a")).await.unwrap();
    assert_eq!(found(dir.path(), &["g"]).await, ["s/b: b"]);
    for text in ["a", "other"] {
        commit(&mut writer(dir.path()).await, vec![upsert("s/a", text, acl(&["g"]))]).await;
        assert_eq!(found(dir.path(), &["g"]).await, ["s/b: b"], "its source can't bring it back");
    }
    let error = intervention(dir.path()).await.erase(&doc("s/a")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Erased, "{error}");
    let error = intervention(dir.path()).await.erase(&doc("s/never")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
    let error = intervention(dir.path()).await.unerase(&doc("s/b")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
    intervention(dir.path()).await.unerase(&doc("s/a")).await.unwrap();
    assert_eq!(found(dir.path(), &["g"]).await, ["s/b: b"], "it does not come back by itself");
    commit(&mut writer(dir.path()).await, vec![upsert("s/a", "a", acl(&["g"]))]).await;
    assert_eq!(found(dir.path(), &["g"]).await, ["s/a: a", "s/b: b"]);
}

#[tokio::test]
async fn a_person_retries_and_drops_what_was_refused() {
    let dir = tempfile::tempdir().unwrap();
    let refusals = ["a", "b"].map(|id| refused(&format!("s/{id}"), id, acl(&["g"])));
    commit(&mut writer(dir.path()).await, refusals.into()).await;
    let index = || async { Index::open(dir.path()).await.unwrap().unwrap() };
    let hashes = || async {
        let known = index().await.known(&SourceName::new("s").unwrap()).await.unwrap();
        ["a", "b"].map(|id| known[id].content_hash.clone())
    };
    let [a, b] = ["a", "b"].map(|text| Some(Sha256::of(text)));
    assert_eq!(hashes().await, [a.clone(), b.clone()], "refused content is not tried again by itself");
    let items = index().await.quarantine().await.unwrap();
    let id = |doc: &str| items.iter().find(|q| q.doc_id == doc).unwrap().id.clone();
    assert_eq!(intervention(dir.path()).await.retry(Some(&id("s/a"))).await.unwrap(), ["s/a"]);
    assert_eq!(hashes().await, [None, b.clone()], "the source takes it for new");
    commit(&mut writer(dir.path()).await, vec![refused("s/a", "a", acl(&["g"]))]).await;
    assert_eq!(hashes().await, [a, b.clone()]);
    assert_eq!(index().await.quarantine_item(&id("s/a")).await.unwrap().unwrap().item.attempts, 2);
    intervention(dir.path()).await.drop_item(&id("s/b")).await.unwrap();
    assert_eq!(hashes().await[1], b, "dropped content is not tried again");
    assert_eq!(index().await.quarantine().await.unwrap().len(), 1);
    assert!(intervention(dir.path()).await.drop_item(&id("s/b")).await.is_err());
    // Other content is; and then the dropped one would be new again.
    commit(&mut writer(dir.path()).await, vec![upsert("s/b", "good", acl(&["g"]))]).await;
    assert_eq!(hashes().await[1], Some(Sha256::of("good")));
}

#[tokio::test]
async fn releases_name_records() {
    let dir = tempfile::tempdir().unwrap();
    let mut w = writer(dir.path()).await;
    commit(&mut w, vec![upsert("s/a", "a", acl(&["g"])), upsert("s/b", "b", acl(&["g"]))]).await;
    let then = seq(&w);
    let releases = Releases::open(dir.path()).unwrap();
    let now = jiff::Timestamp::now();
    releases.create("first", then, now).await.unwrap();
    assert_eq!(releases.create("first", then, now).await.unwrap_err().kind(), ErrorKind::Exists);
    assert_eq!(releases.create("../x", then, now).await.unwrap_err().kind(), ErrorKind::BadName);
    assert_eq!(releases.create("far", 999, now).await.unwrap_err().kind(), ErrorKind::NotFound);
    let changes = vec![
        upsert("s/a", "a2", acl(&["g"])),
        delete("s/b"),
        upsert("s/c", "c", acl(&["g"])),
        access_only("s/a", acl(&["h"])),
    ];
    commit(&mut w, changes).await;
    let at = |target: &str| {
        let (target, releases) = (Target::parse(target), releases.clone());
        async move { releases.resolve(&target).await }
    };
    assert_eq!(at("first").await.unwrap().seq, then);
    assert_eq!(at(&format!("seq:{}", seq(&w))).await.unwrap().seq, seq(&w));
    assert_eq!(at("2100-01-01T00:00:00Z").await.unwrap().seq, seq(&w));
    assert_eq!(at(&now.to_string()).await.unwrap().seq, then);
    for missing in ["second", "seq:999", "seq:1", "1999-01-01T00:00:00Z", "../ledger/x"] {
        assert_eq!(at(missing).await.unwrap_err().kind(), ErrorKind::NotFound, "{missing}");
    }
    let before = Index::open_at(dir.path(), &at("first").await.unwrap()).await.unwrap();
    let diff = before.diff(&Index::open(dir.path()).await.unwrap().unwrap()).await.unwrap();
    assert_eq!((diff.added, diff.removed), (vec!["s/c".to_owned()], vec!["s/b".to_owned()]));
    assert_eq!((diff.changed, diff.access), (vec!["s/a".to_owned()], vec!["s/a".to_owned()]));
    releases.drop("first").await.unwrap();
    assert_eq!(at("first").await.unwrap_err().kind(), ErrorKind::NotFound);
    assert!(releases.list().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_death_in_a_rollback_leaves_before_or_after() {
    let scenario = FailScenario::setup();
    let steps = [
        "claim::after-announce",
        "claim::between-restores",
        "claim::after-record",
        "rollback::after-restore",
        "commit::after-chunks",
        "commit::after-documents",
        "commit::after-policy",
        "commit::after-quarantine",
        "commit::before-record",
        "commit::after-record",
    ];
    for step in steps {
        let dir = tempfile::tempdir().unwrap();
        let then = history(dir.path()).await;
        let before = found(dir.path(), &["g", "h"]).await;
        fail::cfg(step, "panic").unwrap();
        let root = dir.path().to_owned();
        let died = tokio::spawn(async move { roll_back(&root, &to(then)).await }).await;
        fail::remove(step);
        assert!(died.is_err(), "{step} was not reached");
        let expected = if step == "commit::after-record" {
            vec!["s/a: a old".to_owned(), "s/c: c old".to_owned(), "s/f: f old".to_owned()]
        } else {
            before
        };
        assert_eq!(found(dir.path(), &["g", "h"]).await, expected, "a reader after a death at {step}");
        if step != "commit::after-record" {
            roll_back(dir.path(), &to(then)).await;
        }
        let rolled = ["s/a: a old", "s/c: c old", "s/f: f old"];
        assert_eq!(found(dir.path(), &["g", "h"]).await, rolled, "the second try after {step}");
    }
    scenario.teardown();
}

#[tokio::test]
async fn a_rollback_takes_a_deletion_back_with_it() {
    for restored_by_a_person in [false, true] {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path();
        let mut w = writer(root).await;
        commit(&mut w, vec![upsert("s/a", "a old", acl(&["g"])), upsert("s/b", "b", acl(&["g"]))]).await;
        let first = seq(&w);
        commit(&mut w, vec![delete("s/a")]).await;
        let deleted = seq(&w);
        if restored_by_a_person {
            drop(w);
            roll_back(root, &RollbackOptions { restore_deleted: true, ..to(first) }).await;
        } else {
            commit(&mut w, vec![upsert("s/a", "a wrong", acl(&["g"]))]).await;
            drop(w);
        }
        assert_eq!(found(root, &["g"]).await.len(), 2);
        roll_back(root, &to(deleted)).await;
        assert_eq!(found(root, &["g"]).await, ["s/b: b"]);
        // Neither an older record nor a rollback to it serves what is deleted now.
        let done = roll_back(root, &to(first)).await;
        assert_eq!(done.plan.deletions_kept, ["s/a"]);
        assert_eq!(found(root, &["g"]).await, ["s/b: b"]);
    }
}
