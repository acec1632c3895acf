#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use alluvium_core::checkpoint::Checkpoint;

use super::*;

fn source() -> SourceName {
    SourceName::new("events").unwrap()
}

fn log(checkpoint: &[(&str, u64)]) -> Log {
    Log::new(source(), checkpoint.iter().map(|(name, at)| ((*name).to_owned(), *at)).collect())
}

/// The log with partition 0 of topic `t`, placed.
fn placed(checkpoint: &[(&str, u64)], low: u64, high: u64) -> Result<Log, Lost> {
    let mut log = log(checkpoint);
    let partition = log.assign("t", 0);
    let next = partition.judge(low, high)?;
    partition.place(next);
    Ok(log)
}

#[test]
fn where_reading_starts() {
    let next = |checkpoint: &[(&str, u64)], low, high| {
        placed(checkpoint, low, high).map(|mut log| log.get("t", 0).unwrap().next)
    };
    assert_eq!(next(&[], 0, 0), Ok(0));
    assert_eq!(next(&[], 7, 9), Ok(7), "what was removed before the first look is not lost");
    assert_eq!(next(&[("t/0", 7)], 0, 9), Ok(7));
    assert_eq!(next(&[("t/0", 7)], 7, 7), Ok(7));
    assert_eq!(next(&[("t/0", 7)], 8, 9), Err(Lost::Removed { at: 7, low: 8 }));
    assert_eq!(next(&[("t/0", 7)], 0, 6), Err(Lost::Ahead { at: 7, high: 6 }));
    assert_eq!(next(&[("t/0", 7), ("t/0.2", 3), ("t/0.10", 4)], 0, 9), Ok(4), "the newest life counts");
    assert_eq!(next(&[("t/01", 7), ("other/t/0", 3), ("t/0.x", 4)], 0, 9), Ok(0), "none of these");
}

#[test]
fn progress_joins_end_to_end() {
    let mut log = placed(&[], 5, 9).unwrap();
    let mut checkpoint = Checkpoint::default();
    let mut report = |log: &mut Log, watermark| {
        let deltas = log.report(watermark);
        checkpoint = checkpoint.apply(&deltas).unwrap();
        deltas.len()
    };
    assert_eq!(report(&mut log, None), 1, "where a partition begins is worth knowing");
    assert_eq!(report(&mut log, None), 0);
    log.get("t", 0).unwrap().next = 8;
    log.revoke("t", 0);
    assert!(log.has_news(), "what was read is reported, whoever reads on");
    assert_eq!(report(&mut log, None), 1);
    log.assign("t", 0);
    assert!(!log.has_news() && log.unchecked().len() == 1);
    let next = log.get("t", 0).unwrap().judge(5, 9).unwrap();
    log.get("t", 0).unwrap().place(next);
    assert_eq!(next, 8, "it goes on where it was left");
    assert_eq!(report(&mut log, Some(Timestamp::UNIX_EPOCH)), 1, "also one that did not move");
    assert_eq!(checkpoint.0[&source()].partitions, BTreeMap::from([("t/0".to_owned(), 8)]));
}

#[test]
fn what_is_given_up_never_goes_backwards() {
    for (low, high, expected) in [(100, 200, ("t/0", Some(50), 100)), (0, 20, ("t/0.1", None, 0))] {
        let mut log = log(&[("t/0", 50)]);
        let partition = log.assign("t", 0);
        let lost = partition.judge(low, high).unwrap_err();
        partition.give_up(&lost, "t", 0, low);
        partition.place(low);
        let delta = log.report(None).remove(0);
        assert_eq!((delta.partition.as_str(), delta.after, delta.through), expected);
        let before = log.checkpoint.clone();
        let known = alluvium_core::checkpoint::SourceCheckpoint { partitions: before, watermark: None };
        let after = Checkpoint(BTreeMap::from([(source(), known)])).apply(&[delta]).unwrap();
        assert!(after.position(&source(), expected.0).is_some());
    }
}

#[test]
fn a_partition_in_doubt_says_nothing_until_it_is_placed() {
    let mut log = placed(&[("t/0", 5)], 0, 9).unwrap();
    log.get("t", 0).unwrap().next = 7;
    log.doubt();
    assert!(!log.has_news() && log.report(None).is_empty());
    let partition = log.get("t", 0).unwrap();
    assert_eq!(partition.judge(0, 9), Ok(7), "and it loses nothing");
    partition.place(7);
    assert_eq!(log.report(None).remove(0).through, 7);
}
