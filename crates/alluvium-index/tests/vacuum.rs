//! Clean-up never hurts: what is kept opens and answers as before, what is not goes, and what has gone is
//! refused by name.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod common;

use std::path::Path;
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, Mutex};

use alluvium_core::id::DocId;
use alluvium_core::ledger::Reason;
use alluvium_index::{ErrorKind, Index, IndexError, Intervention, Releases, RollbackOptions, Target};
use common::keeping::{
    Hand, answers, answers_of, check_exact, copied, grep, grow, head, keeping, keeping_writer, maintain,
    person, records, upkeep, versions,
};
use common::{acl, commit, delete, found, upsert};
use fail::FailScenario;

fn to(seq: u64) -> RollbackOptions {
    RollbackOptions { to: seq, restore_deleted: false, keep_offsets: false, pause: false }
}

/// The error says that retention let it go.
#[track_caller]
fn check_gone(error: &IndexError) {
    assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
    assert!(error.to_string().contains("vacuumed") && error.next().contains("keep_last"), "{error}");
}

#[tokio::test]
async fn what_is_kept_answers_as_before_after_many_vacuums() {
    let dir = tempfile::tempdir().unwrap();
    let (root, clock) = (dir.path(), Hand::new());
    let mut w = keeping_writer(root, keeping(&clock, 12, 5)).await;
    let releases = Releases::open(root).unwrap();
    let mut then = Vec::new();
    for round in 0..6 {
        grow(&mut w, &clock, round * 14..round * 14 + 14).await;
        if round % 4 == 1 {
            let name = format!("round-{round}");
            releases.create(&name, head(&w), jiff::Timestamp::UNIX_EPOCH).await.unwrap();
            then.push((name.clone(), answers(root, &name).await));
        }
        let live = w.head().unwrap();
        assert!(live.seq - live.floor() < 60, "the writer vacuums by itself: {} to {}", live.floor, live.seq);
    }
    let reasons: Vec<Reason> = records(root).values().map(|record| record.reason).collect();
    assert!(reasons.contains(&Reason::Vacuum), "{reasons:?}");
    for (name, before) in &then {
        assert_eq!(answers(root, name).await, *before, "{name}");
        assert_eq!(before.len(), 10);
    }
    // A reader that holds a record goes on reading it through the rounds of its grace.
    grow(&mut w, &clock, 200..201).await;
    let reader = Index::open(root).await.unwrap().unwrap();
    let held = answers_of(&reader).await;
    let floor = w.head().unwrap().floor;
    grow(&mut w, &clock, 201..206).await;
    drop(w);
    maintain(root, keeping(&clock, 1, 5)).await;
    assert!(records(root).last_key_value().unwrap().1.floor > floor, "it rose meanwhile");
    assert_eq!(answers_of(&reader).await, held);
    for (name, before) in &then {
        assert_eq!(answers(root, name).await, *before, "{name}");
    }
    check_exact(root).await;
    clock.pass(60);
    let (upkeep, _) = maintain(root, keeping(&clock, 1, 5)).await;
    let report = upkeep.report().clone();
    assert!(report.records_removed > 0 && report.tables.values().any(|table| table.bytes_freed > 0));
    drop(upkeep);
    check_exact(root).await;
    assert!(Index::open_at(root, reader.record()).await.is_err(), "past its grace it is gone");
    // Once more does nothing and publishes nothing.
    let before = (records(root), versions(root).await);
    let (upkeep, pieces) = maintain(root, keeping(&clock, 1, 5)).await;
    assert_eq!((pieces, upkeep.report().published), (0, false));
    assert_eq!((records(root), versions(root).await), before);
}

#[tokio::test]
async fn every_kept_record_can_be_gone_back_to_and_the_others_are_refused_by_name() {
    let dir = tempfile::tempdir().unwrap();
    let (root, clock) = (dir.path(), Hand::new());
    let options = || keeping(&clock, 4, 0);
    let mut w = keeping_writer(root, options()).await;
    grow(&mut w, &clock, 0..9).await;
    let releases = Releases::open(root).unwrap();
    let named = head(&w);
    releases.create("kept", named, jiff::Timestamp::UNIX_EPOCH).await.unwrap();
    let when = w.head().unwrap().created_at;
    grow(&mut w, &clock, 9..20).await;
    drop(w);
    maintain(root, options()).await;
    check_exact(root).await;
    let all = records(root);
    let (live, floor) = (*all.last_key_value().unwrap().0, all.last_key_value().unwrap().1.floor());
    assert!(floor > named + 1, "{floor}");
    for gone in [1, 3, named - 1, named + 1, floor - 1] {
        let target = Target::Seq(gone);
        check_gone(&releases.resolve(&target).await.unwrap_err());
        check_gone(&releases.create("late", gone, jiff::Timestamp::UNIX_EPOCH).await.unwrap_err());
        let reader = Index::open(root).await.unwrap().unwrap();
        check_gone(&reader.plan_rollback(root, &to(gone)).await.unwrap_err());
        check_gone(&person(root, &clock).await.rollback(&to(gone)).await.unwrap_err());
    }
    // What a release names is not what was live at a moment after it.
    check_gone(&releases.resolve(&Target::Time(when)).await.unwrap_err());
    assert_eq!(releases.resolve(&Target::Time(clock_now(&clock))).await.unwrap().seq, live);
    assert_eq!(releases.history(1000).await.unwrap().len(), all.len());
    // A second name for what a first one keeps.
    releases.create("twice", named, jiff::Timestamp::UNIX_EPOCH).await.unwrap();
    releases.drop("kept").await.unwrap();
    for seq in all.into_keys().filter(|seq| *seq != live) {
        let before = answers(root, &format!("seq:{seq}")).await;
        person(root, &clock).await.rollback(&to(seq)).await.unwrap();
        assert_eq!(found(root, &["g"]).await, before, "back to {seq}");
    }
}

fn clock_now(clock: &Hand) -> jiff::Timestamp {
    use alluvium_core::clock::Clock;
    clock.now()
}

#[tokio::test]
async fn what_was_erased_leaves_the_disk_with_the_last_record_that_holds_it() {
    let dir = tempfile::tempdir().unwrap();
    let (root, clock) = (dir.path(), Hand::new());
    let options = || keeping(&clock, 1, 0);
    let secret = b"quetzalcoatlus";
    let mut w = keeping_writer(root, options()).await;
    let other: Vec<_> =
        (0..30).map(|i| upsert(&format!("s/{i}"), &format!("text {i}"), acl(&["g"]))).collect();
    let text = "the quetzalcoatlus flies";
    commit(&mut w, other.into_iter().chain([upsert("s/secret", text, acl(&["g"]))]).collect()).await;
    drop(w);
    maintain(root, options()).await;
    assert!(!grep(root, secret).is_empty(), "it can be seen");
    let release = Releases::open(root).unwrap();
    release.create("with", *records(root).last_key_value().unwrap().0, clock_now(&clock)).await.unwrap();
    person(root, &clock).await.erase(&DocId::parse("s/secret").unwrap()).await.unwrap();
    clock.pass(1);
    maintain(root, options()).await;
    assert!(!grep(root, secret).is_empty(), "a release holds it");
    release.drop("with").await.unwrap();
    maintain(root, options()).await;
    assert!(!grep(root, secret).is_empty(), "the record of the erasure only marks its rows as deleted");
    clock.pass(1);
    commit(&mut keeping_writer(root, options()).await, vec![delete("s/0")]).await;
    clock.pass(1);
    maintain(root, options()).await;
    assert_eq!(grep(root, secret), [] as [std::path::PathBuf; 0]);
    check_exact(root).await;
    assert_eq!(found(root, &["g"]).await.len(), 29);
}

#[tokio::test]
async fn a_paused_index_is_maintained_and_stays_paused() {
    let dir = tempfile::tempdir().unwrap();
    let (root, clock) = (dir.path(), Hand::new());
    let options = || keeping(&clock, 2, 0);
    let mut w = keeping_writer(root, options()).await;
    grow(&mut w, &clock, 0..3).await;
    let then = head(&w);
    grow(&mut w, &clock, 3..5).await;
    commit(&mut w, vec![delete("s/4")]).await;
    drop(w);
    person(root, &clock).await.rollback(&RollbackOptions { pause: true, ..to(then) }).await.unwrap();
    assert!(records(root).contains_key(&1), "an intervention takes nothing away");
    let before = found(root, &["g"]).await;
    let (upkeep, pieces) = maintain(root, options()).await;
    assert!(pieces > 0 && upkeep.report().published);
    let index = Index::open(root).await.unwrap().unwrap();
    assert!(index.record().paused && index.record().rolled_back_to.is_none());
    assert_eq!(found(root, &["g"]).await, before);
    let due = index.due(root, &options().retention, clock_now(&clock)).await.unwrap();
    assert_eq!((due.due, due.unindexed_rows, due.unretained_records), (false, 0, 0), "{due:?}");
    drop(upkeep);
    check_exact(root).await;
}

#[tokio::test]
async fn what_is_due_is_said() {
    let dir = tempfile::tempdir().unwrap();
    let (root, clock) = (dir.path(), Hand::new());
    let mut w = keeping_writer(root, keeping(&clock, 1000, 0)).await.tuned(alluvium_index::Tuning::DEFAULT);
    grow(&mut w, &clock, 0..6).await;
    let index = Index::open(root).await.unwrap().unwrap();
    let due = |last| {
        let (index, retention, now) = (index.clone(), keeping(&clock, last, 0).retention, clock_now(&clock));
        async move { index.due(root, &retention, now).await.unwrap() }
    };
    let found = due(1000).await;
    assert_eq!((found.due, found.unretained_records), (false, 0), "{found:?}");
    assert_eq!(found.unindexed_rows, 6 * 3, "chunks, documents and policy: {found:?}");
    assert_eq!(found.small_fragments, 6 * 3, "{found:?}");
    assert_eq!(due(2).await.unretained_records, head(&w) - 2, "{}", head(&w));
    let index = index.tuned(alluvium_index::Tuning { vacuum_records: 3, ..alluvium_index::Tuning::DEFAULT });
    let retention = keeping(&clock, 2, 0).retention;
    assert!(index.due(root, &retention, clock_now(&clock)).await.unwrap().due);
}

/// Runs something to its end while the caller, who is in the middle of something else, waits.
fn meanwhile<T: Send>(work: impl AsyncFnOnce() -> T + Send) -> T {
    let run = || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(work())
    };
    std::thread::scope(|scope| scope.spawn(run).join().unwrap())
}

/// Nothing but a vacuum is left to do, of which all but the newest two records go. Gives a record that
/// goes.
async fn aged(root: &Path, clock: &Hand) -> u64 {
    let mut w = keeping_writer(root, keeping(clock, 1000, 0)).await;
    grow(&mut w, clock, 0..7).await;
    let target = head(&w) - 3;
    drop(w);
    maintain(root, keeping(clock, 1000, 0)).await;
    target
}

const VACUUM: [&str; 8] = [
    "vacuum::before-record",
    "commit::before-record",
    "commit::after-record",
    "vacuum::after-record",
    "vacuum::after-releases",
    "vacuum::between-tables",
    "vacuum::after-tables",
    "vacuum::between-records",
];

#[tokio::test]
async fn a_release_made_during_a_vacuum_is_whole_or_refused() {
    let scenario = FailScenario::setup();
    let (old, clock) = (tempfile::tempdir().unwrap(), Hand::new());
    let target = aged(old.path(), &clock).await;
    let before = answers(old.path(), &format!("seq:{target}")).await;
    let mut outcomes = Vec::new();
    for step in VACUUM {
        let dir = copied(old.path());
        let root = dir.path().to_owned();
        let made = Arc::new(Mutex::new(None));
        let (place, slot) = (root.clone(), made.clone());
        fail::cfg_callback(step, move || {
            if slot.lock().unwrap().is_none() {
                let create = async || {
                    let releases = Releases::open(&place).unwrap();
                    releases.create("raced", target, jiff::Timestamp::UNIX_EPOCH).await
                };
                *slot.lock().unwrap() = Some(meanwhile(create));
            }
        })
        .unwrap();
        maintain(&root, keeping(&clock, 2, 0)).await;
        fail::remove(step);
        let made = made.lock().unwrap().take().unwrap_or_else(|| panic!("{step} was not reached"));
        outcomes.push(made.is_ok());
        match made {
            Ok(_) => assert_eq!(answers(&root, "raced").await, before, "{step}"),
            Err(error) => {
                check_gone(&error);
                assert!(Releases::open(&root).unwrap().list().await.unwrap().is_empty(), "{step}");
            }
        }
        check_exact(&root).await;
    }
    assert_eq!(outcomes, [true, true, false, false, false, false, false, false]);
    scenario.teardown();
}

#[tokio::test]
async fn a_vacuum_made_while_a_release_is_made_is_noticed() {
    let scenario = FailScenario::setup();
    let (old, clock) = (tempfile::tempdir().unwrap(), Hand::new());
    let target = aged(old.path(), &clock).await;
    for (step, survives) in [("release::before-put", false), ("release::after-put", true)] {
        let dir = copied(old.path());
        let (root, clock) = (dir.path().to_owned(), clock.clone());
        let place = root.clone();
        fail::cfg_callback(step, move || {
            meanwhile(async || {
                maintain(&place, keeping(&clock, 2, 0)).await;
            })
        })
        .unwrap();
        let releases = Releases::open(&root).unwrap();
        let error = releases.create("raced", target, jiff::Timestamp::UNIX_EPOCH).await.unwrap_err();
        fail::remove(step);
        check_gone(&error);
        assert!(releases.list().await.unwrap().is_empty(), "{step}");
        // The vacuum that saw it kept its record; the next one finds that nothing names it.
        assert_eq!(records(&root).contains_key(&target), survives, "{step}");
        maintain(&root, keeping(&Hand::new(), 1000, 0)).await;
        check_exact(&root).await;
    }
    scenario.teardown();
}

#[tokio::test]
async fn a_rollback_to_a_release_that_is_dropped_under_it_publishes_nothing() {
    let scenario = FailScenario::setup();
    let dir = tempfile::tempdir().unwrap();
    let (root, clock) = (dir.path().to_owned(), Hand::new());
    let target = aged(&root, &clock).await;
    let releases = Releases::open(&root).unwrap();
    releases.create("kept", target, jiff::Timestamp::UNIX_EPOCH).await.unwrap();
    maintain(&root, keeping(&clock, 2, 0)).await;
    let before = found(&root, &["g"]).await;
    let (place, hand) = (root.clone(), clock.clone());
    fail::cfg_callback("claim::before-announce", move || {
        meanwhile(async || {
            Releases::open(&place).unwrap().drop("kept").await.unwrap();
            let mut upkeep = upkeep(&place, keeping(&hand, 1000, 0)).await;
            while let Some(work) = upkeep.next().await.unwrap() {
                upkeep.perform(work).await.unwrap();
            }
        })
    })
    .unwrap();
    let mut rollback: Intervention = person(&root, &clock).await;
    let error = rollback.rollback(&to(target)).await.unwrap_err();
    fail::remove("claim::before-announce");
    assert!(!error.to_string().is_empty(), "{error}");
    drop(rollback);
    assert_eq!(found(&root, &["g"]).await, before);
    commit(&mut keeping_writer(&root, keeping(&Hand::new(), 1000, 0)).await, vec![delete("s/0")]).await;
    assert_ne!(found(&root, &["g"]).await, before);
    scenario.teardown();
}

/// The vacuum has seen that the release is gone, and takes nothing yet: everything can still be restored.
#[tokio::test]
async fn a_rollback_to_what_a_vacuum_is_about_to_take_publishes_nothing() {
    let scenario = FailScenario::setup();
    let dir = tempfile::tempdir().unwrap();
    let (root, clock) = (dir.path().to_owned(), Hand::new());
    let target = aged(&root, &clock).await;
    Releases::open(&root).unwrap().create("kept", target, jiff::Timestamp::UNIX_EPOCH).await.unwrap();
    maintain(&root, keeping(&clock, 2, 0)).await;
    let before = found(&root, &["g"]).await;
    let (reached, wait) = sync_channel(1);
    let (go, held) = sync_channel::<()>(1);
    let held = Mutex::new(Some(held));
    fail::cfg_callback("vacuum::after-releases", move || {
        let first = held.lock().unwrap().take();
        if let Some(held) = first {
            reached.send(()).unwrap();
            held.recv().unwrap();
        }
    })
    .unwrap();
    let mut rollback: Intervention = person(&root, &clock).await;
    let (place, wait, vacuum) = (root.clone(), Mutex::new(wait), Arc::new(Mutex::new(None)));
    let slot = vacuum.clone();
    fail::cfg_callback("claim::before-announce", move || {
        let (root, clock) = (place.clone(), clock.clone());
        let vacuum = move || {
            meanwhile(async || {
                Releases::open(&root).unwrap().drop("kept").await.unwrap();
                maintain(&root, keeping(&clock, 1000, 0)).await;
            });
        };
        *slot.lock().unwrap() = Some(std::thread::spawn(vacuum));
        wait.lock().unwrap().recv().unwrap();
    })
    .unwrap();
    let error = rollback.rollback(&to(target)).await.unwrap_err();
    fail::remove("claim::before-announce");
    check_gone(&error);
    go.send(()).unwrap();
    let vacuum = vacuum.lock().unwrap().take().unwrap();
    vacuum.join().unwrap();
    assert_eq!(found(&root, &["g"]).await, before);
    scenario.teardown();
}
