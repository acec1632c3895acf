//! The disk fails at the n-th step of a claim, a commit, a maintenance, a rollback or a vacuum, for every n:
//! a named error, readers stay on the record before, and once the cause is gone the next attempt ends as if
//! nothing had happened.
//!
//! Every n meets one of the ways to fail, or one n of a few where there are many; which, is drawn at every
//! run and stands in a failure. `FAULTS=all` tries every way at every n.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]
#![allow(clippy::print_stderr, reason = "says what was tried")]

mod common;

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use alluvium_core::clock::SystemClock;
use alluvium_core::commit::{Batch, IndexWriter};
use alluvium_core::id::PipelineName;
use alluvium_core::retention::Retention;
use alluvium_index::faults::{How, Step};
use alluvium_index::{Index, IndexError, Options, Releases, RollbackOptions, Tuning, Upkeep, Writer};
use common::disk::{BROKEN, Disk, EIO, FULL, LOST, TORN, UNREADABLE, Way};
use common::keeping::{BUSY, answers, check_whole, records};
use common::{
    Dump, acl, check_same, check_tags, commit, copy, dump, first, intervention, open_writer, options, second,
    upsert, writer,
};

/// What is going on when the disk fails.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Job {
    /// The first commit of an index.
    First,
    /// A commit of a writer that has claimed.
    Commit,
    /// A claim, and the commit that it is for.
    Claim,
    Maintenance,
    Rollback,
    /// By hand, where nothing else is due: all but two records go, and one that has a name.
    Vacuum,
}

/// The release that a vacuum leaves alone.
const RELEASE: &str = "kept";

/// Retention that lets go of nearly everything.
fn forgetful() -> Options {
    let retention = Retention { keep_for: Duration::ZERO, keep_last: 2, grace: Duration::ZERO };
    Options { retention, ..options(SystemClock) }
}

/// Upkeep until nothing is due.
async fn tidy(root: &Path, options: Options) -> Result<(), IndexError> {
    let mut upkeep = Upkeep::open(root, &PipelineName::new("handbook").unwrap(), options).await?.tuned(BUSY);
    while let Some(work) = upkeep.next().await? {
        upkeep.perform(work).await?;
    }
    Ok(())
}

/// Everything is due at once.
const EAGER: Tuning = Tuning { unindexed_fragments: 0, ..Tuning::DEFAULT };

impl Job {
    /// The index before the job.
    async fn template(self, root: &Path) {
        if self == Self::First {
            std::fs::create_dir_all(root).unwrap();
            return;
        }
        let mut w = writer(root).await;
        commit(&mut w, first()).await;
        if matches!(self, Self::Maintenance | Self::Rollback | Self::Vacuum) {
            commit(&mut w, second()).await;
        }
        if self == Self::Vacuum {
            let released = w.head().unwrap().seq;
            Releases::open(root).unwrap().create(RELEASE, released, jiff::Timestamp::now()).await.unwrap();
            commit(&mut w, vec![upsert("s/f", "eff", acl(&["g"]))]).await;
            commit(&mut w, vec![upsert("s/a", "once more", acl(&["g"]))]).await;
            drop(w);
            tidy(root, options(SystemClock)).await.unwrap();
        }
    }

    /// Does the job, with the disk failing at it.
    async fn attempt(self, root: &Path, disk: Option<&Disk>) -> Result<(), String> {
        let arm = |on| disk.into_iter().for_each(|disk| disk.arm(on));
        let result = match self {
            Self::First | Self::Claim => {
                arm(true);
                match open_writer(root, "handbook", "model-a").await {
                    Ok(mut w) => self.by(&mut w).await,
                    Err(error) => Err(error.to_string()),
                }
            }
            job if job.goes_on_itself() => {
                let mut w =
                    writer(root).await.tuned(if self == Self::Commit { Tuning::default() } else { EAGER });
                if self == Self::Commit {
                    commit(&mut w, vec![upsert("s/claim", "claim", acl(&["k"]))]).await;
                }
                arm(true);
                let result = self.by(&mut w).await;
                arm(false);
                // The same writer, once the cause is gone.
                if result.is_err() {
                    self.check_before(root).await;
                    self.by(&mut w).await.unwrap();
                }
                result
            }
            Self::Vacuum => {
                arm(true);
                tidy(root, forgetful()).await.map_err(|error| error.to_string())
            }
            _ => {
                let mut person = intervention(root).await;
                let to = RollbackOptions { to: 3, restore_deleted: false, keep_offsets: false, pause: false };
                arm(true);
                person.rollback(&to).await.map(drop).map_err(|error| error.to_string())
            }
        };
        arm(false);
        result
    }

    /// Whether [`Job::attempt`] has the same writer try again.
    fn goes_on_itself(self) -> bool {
        matches!(self, Self::Commit | Self::Maintenance)
    }

    async fn by(self, w: &mut Writer) -> Result<(), String> {
        let result = match self {
            Self::Maintenance => w.maintain().await,
            Self::First => w.commit(Batch { changes: first(), deltas: vec![] }).await.map(drop),
            _ => w.commit(Batch { changes: second(), deltas: vec![] }).await.map(drop),
        };
        result.map_err(|error| error.to_string())
    }

    /// Readers are where they were; of a commit that follows a claim's, on what that left.
    async fn check_before(self, root: &Path) {
        if self == Self::Commit {
            let found = common::found(root, &["g", "h"]).await;
            assert_eq!(found, ["s/a: one", "s/a: two", "s/b: bee", "s/c: sea"]);
        }
    }
}

struct Case<'a> {
    job: Job,
    template: &'a Path,
    before: &'a Dump,
    after: &'a Dump,
}

impl Case<'_> {
    /// Whether the n-th step was there to fail.
    async fn fails_at(&self, root: &Path, way: Way, nth: usize) -> bool {
        copy(self.template, root);
        let disk = Disk::under(root, way, nth);
        let result = self.job.attempt(root, Some(&disk)).await;
        let failed = disk.failed();
        drop(disk);
        let what = format!("{:?} with {way:?} at {nth}: {failed:?} gave {result:?}", self.job);
        let Some(place) = failed else {
            result.unwrap();
            return false;
        };
        // Where there is no error, Lance asked again or did without; and a tag is no part of a publish.
        if let Err(message) = &result {
            check_named(message, way, &place, &what);
            if !self.job.goes_on_itself() {
                self.check_before(root, &what).await;
                self.recover(root, &what).await;
            }
        }
        if self.job == Job::Vacuum {
            self.check_vacuumed(root, &what).await;
        }
        check_same(&dump(root).await, self.after, &what);
        drop(writer(root).await);
        check_tags(root, &what).await;
        true
    }

    /// What readers see is what they saw.
    async fn check_before(&self, root: &Path, what: &str) {
        let seen = dump(root).await;
        if self.before.is_empty() {
            assert!(seen.values().all(Vec::is_empty), "{what}: {seen:?}");
        } else {
            check_same(&seen, self.before, what);
        }
    }

    /// What a vacuum left over goes with the next one, and what is kept is whole.
    async fn check_vacuumed(&self, root: &Path, what: &str) {
        tidy(root, forgetful()).await.expect(what);
        check_whole(root).await;
        assert!(!records(root).contains_key(&1), "{what}: {:?}", records(root).keys());
        assert_eq!(answers(root, RELEASE).await, answers(self.template, RELEASE).await, "{what}");
    }

    /// A new writer, once the cause is gone.
    async fn recover(&self, root: &Path, what: &str) {
        match self.job {
            Job::First => drop(commit(&mut writer(root).await, first()).await),
            Job::Claim | Job::Commit => drop(commit(&mut writer(root).await, second()).await),
            job => job.attempt(root, None).await.expect(what),
        }
    }
}

/// The error says what the system said, and of which file or table.
fn check_named(message: &str, way: Way, place: &str, what: &str) {
    let said = if way.errno == EIO { "os error 5" } else { "os error 28" };
    let torn = matches!(way.how, How::Torn);
    assert!(torn || message.contains(said), "{what}");
    let words = ["table", "ledger", "release", "syncing", "opening", "creating"];
    assert!(words.iter().any(|word| message.contains(word)), "{place}: {what}");
}

/// Of the steps every one, or one of so many; which, is drawn.
async fn check(job: Job, sparse: usize, ways: &[Way]) {
    let folder = tempfile::tempdir().unwrap();
    let [template, done] = ["template", "done"].map(|name| folder.path().join(name));
    job.template(&template).await;
    copy(&template, &done);
    job.attempt(&done, None).await.unwrap();
    let (before, after) = (dump(&template).await, dump(&done).await);
    let case = Case { job, template: &template, before: &before, after: &after };
    let all = std::env::var("FAULTS").is_ok_and(|value| value == "all");
    let mut tried = 0;
    let offset =
        usize::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().subsec_nanos()).unwrap();
    for (number, way) in ways.iter().enumerate() {
        let step = if all { 1 } else { ways.len() * sparse };
        let mut nth = if all { 1 } else { 1 + (offset + number) % step };
        let root = |nth| -> PathBuf { folder.path().join(format!("{number}-{nth}")) };
        while case.fails_at(&root(nth), *way, nth).await {
            std::fs::remove_dir_all(root(nth)).unwrap();
            nth += step;
            tried += 1;
        }
    }
    eprintln!("{job:?}: {tried} faults");
    assert!(tried >= 8, "{job:?}: {tried}");
}

#[tokio::test]
async fn a_commit_whose_storage_fails_publishes_nothing() {
    check(Job::Commit, 1, &[FULL, BROKEN, LOST, TORN]).await;
}

#[tokio::test]
async fn a_claim_whose_storage_fails_publishes_nothing() {
    check(Job::Claim, 1, &[FULL, BROKEN, LOST, TORN]).await;
}

#[tokio::test]
async fn a_first_claim_whose_storage_fails_leaves_an_index_that_can_be_claimed() {
    check(Job::First, 3, &[FULL, BROKEN, LOST, TORN]).await;
}

#[tokio::test]
async fn a_maintenance_whose_storage_fails_publishes_nothing() {
    check(Job::Maintenance, 3, &[FULL, BROKEN, LOST]).await;
}

#[tokio::test]
async fn a_rollback_whose_storage_fails_publishes_nothing() {
    check(Job::Rollback, 2, &[FULL, BROKEN, LOST]).await;
}

#[tokio::test]
async fn a_vacuum_whose_storage_fails_takes_away_nothing_that_is_kept() {
    check(Job::Vacuum, 6, &[FULL, BROKEN, LOST, UNREADABLE]).await;
}

#[tokio::test]
async fn a_commit_that_can_not_read_publishes_nothing() {
    check(Job::Commit, 4, &[UNREADABLE]).await;
}

/// The answer to the record is lost, not the record: it is one's own, and that is success.
#[tokio::test]
async fn a_record_whose_answer_was_lost_is_published() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    let way = Way { counts: |step, path| step == Step::Write && path.starts_with("ledger/"), ..LOST };
    for nth in 1..=3 {
        let root = root.join(nth.to_string());
        let disk = Disk::under(&root, way, nth);
        let mut w = writer(&root).await;
        disk.arm(true);
        let committed = commit(&mut w, first()).await;
        assert!(disk.failed().is_some_and(|place| place.contains("ledger/")), "record {nth}");
        let live = Index::open(&root).await.unwrap().unwrap().record().seq;
        assert_eq!(committed.published.unwrap().seq, live);
        assert_eq!(live, 3, "no record was written twice");
    }
}

/// The record is there, but neither its answer nor a look at it comes through: the same writer, asked again,
/// must see what it published before it plans.
#[tokio::test]
async fn what_was_published_without_an_answer_is_not_published_twice() {
    let folder = tempfile::tempdir().unwrap();
    let root = &folder.path().join("disturbed");
    let way = Way {
        lasts: true,
        counts: |step, path| matches!(step, Step::Write | Step::Read) && path.starts_with("ledger/"),
        ..LOST
    };
    // But for the refusal, which counts how often it was tried.
    let changes = || second().into_iter().take(4).collect::<Vec<_>>();
    let disk = Disk::under(root, way, 1);
    let mut w = writer(root).await;
    commit(&mut w, first()).await;
    disk.arm(true);
    w.commit(Batch { changes: changes(), deltas: vec![] }).await.unwrap_err();
    assert!(disk.failed().is_some_and(|place| place.starts_with("Write")), "{:?}", disk.failed());
    disk.arm(false);
    commit(&mut w, changes()).await;
    let expected = folder.path().join("undisturbed");
    let mut w = writer(&expected).await;
    commit(&mut w, first()).await;
    commit(&mut w, changes()).await;
    check_same(&dump(root).await, &dump(&expected).await, "twice");
}

/// Half a record is no record: nobody reads past it or writes over it until it is mended.
#[tokio::test]
async fn a_torn_record_is_named_and_nobody_falls_back() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    commit(&mut writer(root).await, first()).await;
    let way = Way {
        how: How::Torn,
        counts: |step, path| step == Step::Write && path.starts_with("ledger/"),
        ..BROKEN
    };
    let disk = Disk::under(root, way, 3);
    let mut w = writer(root).await;
    disk.arm(true);
    let error = w.commit(Batch { changes: second(), deltas: vec![] }).await.unwrap_err();
    assert!(error.to_string().contains("ledger record 6"), "{error}");
    disk.arm(false);
    let torn = std::fs::read_dir(root.join("ledger")).unwrap().map(|f| f.unwrap().path()).min().unwrap();
    let name = torn.file_name().unwrap().to_str().unwrap().to_owned();
    for error in [
        Index::open(root).await.unwrap_err().to_string(),
        w.commit(Batch { changes: second(), deltas: vec![] }).await.unwrap_err().to_string(),
        w.renew().await.unwrap_err().to_string(),
    ] {
        assert!(error.contains(&name), "{error}");
    }
    std::fs::remove_file(&torn).unwrap();
    commit(&mut w, second()).await;
    check_tags(root, "after the mend").await;
}
