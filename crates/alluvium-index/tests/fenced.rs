//! A writer stops at a durable step, such as a process that is suspended or a machine that loses touch,
//! and goes on after somebody else has taken over: it publishes nothing and damages nothing.
//!
//! Locks don't help here, that is the point: the files of the locks are removed, as they are for a writer
//! on another machine.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use alluvium_core::commit::{Batch, CommitError, Committed, IndexWriter};
use alluvium_core::document::Prepared;
use alluvium_core::id::DocId;
use alluvium_index::Index;
use common::{
    Dump, STEPS, access_only, acl, check_same, check_tags, commit, copy, delete, dump, first, found,
    intervention, refused, upsert, writer,
};
use fail::FailScenario;

/// Longer than any step takes.
const LONG: Duration = Duration::from_secs(120);

/// What the one who is stopped was about to commit: every table changes.
fn late() -> Vec<Prepared> {
    vec![
        upsert("s/a", "late\n\nthree", acl(&["g"])),
        delete("s/b"),
        access_only("s/c", acl(&["h"])),
        upsert("s/d", "late dee", acl(&["g"])),
        refused("s/e", "eee", acl(&["g"])),
    ]
}

/// What the one who takes over commits.
fn other() -> Vec<Prepared> {
    vec![
        upsert("s/a", "of the other", acl(&["g"])),
        delete("s/c"),
        upsert("s/x", "ex", acl(&["g"])),
        refused("s/y", "why", acl(&["g"])),
    ]
}

fn more() -> Vec<Prepared> {
    vec![upsert("s/b", "bee, too", acl(&["h"])), upsert("s/z", "zed", acl(&["g"]))]
}

/// A writer that stands still in the middle of a commit, in a thread and a runtime of its own.
struct Stopped {
    thread: JoinHandle<(Result<Committed, CommitError>, alluvium_index::Writer)>,
    go: SyncSender<()>,
}

impl Stopped {
    /// Stops at `step` when it comes to it for the `nth` time.
    fn at(root: &Path, step: &str, nth: usize, changes: Vec<Prepared>) -> Self {
        let (reached, wait) = sync_channel(1);
        let (go, held) = sync_channel::<()>(1);
        let once = Mutex::new((nth, Some(held)));
        let stop = move || {
            let held = {
                let mut once = once.lock().unwrap();
                once.0 = once.0.saturating_sub(1);
                if once.0 == 0 { once.1.take() } else { None }
            };
            if let Some(held) = held {
                reached.send(()).unwrap();
                held.recv().unwrap();
            }
        };
        fail::cfg_callback(step, stop).unwrap();
        let root: PathBuf = root.to_owned();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Runtime::new().unwrap();
            runtime.block_on(async {
                let mut late = writer(&root).await;
                let result = late.commit(Batch { changes, deltas: vec![] }).await;
                (result, late)
            })
        });
        wait.recv_timeout(LONG).expect(step);
        Self { thread, go }
    }

    fn go_on(self) -> (Result<Committed, CommitError>, alluvium_index::Writer) {
        self.go.send(()).unwrap();
        self.thread.join().unwrap()
    }
}

/// Another machine's locks are not ours.
fn lose_locks(root: &Path) {
    for lock in ["writer.lock", "turn.lock"] {
        fs::remove_file(root.join(lock)).unwrap();
    }
}

fn names_the_holder(error: &CommitError) -> bool {
    let CommitError::Fenced(by) = error else { return false };
    by.contains(&format!("process {}", std::process::id())) && by.contains("since 20")
}

/// Whether a writer that stops there has published already.
fn has_published(step: &str) -> bool {
    matches!(step, "commit::after-record" | "commit::after-tags")
}

async fn prepared(folder: &Path) -> PathBuf {
    let template = folder.join("template");
    commit(&mut writer(&template).await, first()).await;
    template
}

/// What an undisturbed run of the same commits leaves.
async fn undisturbed(template: &Path, root: &Path, batches: Vec<Vec<Prepared>>) -> Dump {
    copy(template, root);
    let mut w = writer(root).await;
    for batch in batches {
        commit(&mut w, batch).await;
    }
    dump(root).await
}

/// What undisturbed runs leave: where the late one is stopped before its record, and after it.
struct Expected {
    after_other: [Dump; 2],
    at_the_end: [Dump; 2],
}

async fn check(template: &Path, root: &Path, step: &str, nth: usize, expected: &Expected) {
    let what = format!("{step}, time {nth}");
    copy(template, root);
    let stopped = Stopped::at(root, step, nth, late());
    lose_locks(root);
    let mut holder = writer(root).await;
    commit(&mut holder, other()).await;
    let held = Index::open(root).await.unwrap().unwrap().record().clone();

    let (result, mut late_writer) = stopped.go_on();
    fail::remove(step);
    match &result {
        Ok(_) => assert!(has_published(step), "{what}: published after it was fenced"),
        Err(error) => {
            assert!(!has_published(step), "{what}: {error}");
            assert!(names_the_holder(error), "{what}: {error}");
        }
    }
    let published = usize::from(has_published(step));
    assert_eq!(Index::open(root).await.unwrap().unwrap().record(), &held, "{what}");
    check_same(&dump(root).await, &expected.after_other[published], &what);
    check_tags(root, &what).await;
    let again = late_writer.commit(Batch { changes: late(), deltas: vec![] }).await;
    assert!(again.is_err_and(|error| names_the_holder(&error)), "{what}: it tries again");
    drop(late_writer);

    // The one who took over goes on as if nothing had happened.
    commit(&mut holder, more()).await;
    drop(holder);
    check_tags(root, &what).await;
    // And the late one's work can be done again.
    commit(&mut writer(root).await, late()).await;
    check_same(&dump(root).await, &expected.at_the_end[published], &what);
    check_tags(root, &what).await;
}

#[tokio::test]
async fn a_writer_that_was_superseded_publishes_nothing_and_damages_nothing() {
    let scenario = FailScenario::setup();
    let folder = tempfile::tempdir().unwrap();
    let template = prepared(folder.path()).await;
    let place = |name: &str| folder.path().join(name);
    let expected = Expected {
        after_other: [
            undisturbed(&template, &place("e0"), vec![other()]).await,
            undisturbed(&template, &place("e1"), vec![late(), other()]).await,
        ],
        at_the_end: [
            undisturbed(&template, &place("e2"), vec![other(), more(), late()]).await,
            undisturbed(&template, &place("e3"), vec![late(), other(), more(), late()]).await,
        ],
    };
    for step in STEPS {
        let times = if step == "claim::between-restores" { 4 } else { 1 };
        for nth in 1..=times {
            let root = folder.path().join(format!("{}-{nth}", step.replace("::", "-")));
            check(&template, &root, step, nth, &expected).await;
        }
    }
    scenario.teardown();
}

#[tokio::test]
async fn the_very_first_claim_can_be_superseded_too() {
    let scenario = FailScenario::setup();
    let folder = tempfile::tempdir().unwrap();
    for step in STEPS.iter().filter(|step| step.starts_with("claim::")) {
        let root = folder.path().join(step.replace("::", "-"));
        let stopped = Stopped::at(&root, step, 1, late());
        lose_locks(&root);
        let mut holder = writer(&root).await;
        commit(&mut holder, first()).await;
        let before = dump(&root).await;
        let (result, late_writer) = stopped.go_on();
        fail::remove(step);
        assert!(result.is_err_and(|error| names_the_holder(&error)), "{step}");
        drop(late_writer);
        check_same(&dump(&root).await, &before, step);
        commit(&mut holder, more()).await;
        assert_eq!(found(&root, &["h"]).await, ["s/b: bee, too", "s/c: sea"], "{step}");
        check_tags(&root, step).await;
    }
    scenario.teardown();
}

/// No lock is lost here: a person steps in while a writer of this machine stands still.
#[tokio::test]
async fn an_intervention_fences_a_writer_wherever_its_commit_is() {
    let scenario = FailScenario::setup();
    let folder = tempfile::tempdir().unwrap();
    let template = prepared(folder.path()).await;
    let document = DocId::parse("s/a").unwrap();
    for step in STEPS.iter().filter(|step| step.starts_with("commit::")) {
        let root = folder.path().join(step.replace("::", "-"));
        copy(&template, &root);
        let stopped = Stopped::at(&root, step, 1, late());
        intervention(&root).await.erase(&document).await.unwrap();
        let before = dump(&root).await;
        let (result, mut late_writer) = stopped.go_on();
        fail::remove(step);
        let published = has_published(step);
        assert_eq!(result.is_ok(), published, "{step}");
        assert!(result.is_ok() || result.is_err_and(|error| names_the_holder(&error)), "{step}");
        check_same(&dump(&root).await, &before, step);
        check_tags(&root, step).await;
        late_writer.renew().await.unwrap();
        commit(&mut late_writer, late()).await;
        let seen = found(&root, &["g"]).await;
        assert_eq!(seen, ["s/d: late dee"], "{step}: what was erased stays away");
        check_tags(&root, step).await;
    }
    scenario.teardown();
}

/// A tag that a death left behind is mended by the next look at the index.
#[tokio::test]
async fn a_tag_that_stayed_behind_follows_with_the_next_writer() {
    let scenario = FailScenario::setup();
    let folder = tempfile::tempdir().unwrap();
    let template = prepared(folder.path()).await;
    let root = Arc::new(folder.path().join("index"));
    copy(&template, &root);
    fail::cfg("commit::after-record", "panic").unwrap();
    let died = root.clone();
    let died = tokio::spawn(async move { commit(&mut writer(&died).await, late()).await }).await;
    fail::remove("commit::after-record");
    assert!(died.is_err());
    drop(writer(&root).await);
    check_tags(&root, "nothing was written since").await;
    scenario.teardown();
}
