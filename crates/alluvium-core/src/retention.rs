//! Which records can be gone back to: the floor, from which on every record is kept, and what a release
//! names below it.
//!
//! | a record at or above the present floor is kept because | |
//! |---|---|
//! | it is the head | readers open it |
//! | it was live at some moment within `keep_for` | a rollback to that moment finds it |
//! | it was live at some moment within a reader's grace | a reader that opened it goes on reading it |
//! | it is one of the newest `keep_last` that changed something | a rollback by number finds it |
//! | a younger record is kept for being older than any of these | what is kept has no holes |
//!
//! A record is live until the next one is published, so that its own age says too little: the only record
//! of a quiet month is the one that served all month. Records that change nothing of what is served
//! (claims, maintenance) are not counted: restarts don't push out what people can go back to, and a
//! vacuum leaves nothing more to vacuum.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::Timestamp;

use crate::ledger::Record;

/// How long a reader may go on reading a record that is not the live one any more.
pub const GRACE: Duration = Duration::from_secs(600);

/// What of the past is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// How far back every record is kept.
    pub keep_for: Duration,
    /// How many records that changed something are kept, however old; one at least.
    pub keep_last: u64,
    /// How long a record outlives its time as the live one for those who read it.
    pub grace: Duration,
}

impl Default for Retention {
    /// A week, a hundred records.
    fn default() -> Self {
        Self::new(Duration::from_secs(7 * 24 * 3600), 100)
    }
}

/// What retention looks at in a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark {
    /// Its sequence number.
    pub seq: u64,
    /// When it was published.
    pub created_at: Timestamp,
    /// Whether it counts among the `keep_last`.
    pub counts: bool,
}

impl Mark {
    /// The mark of a record.
    pub fn of(record: &Record) -> Self {
        let counts = record.reason.changes() && !record.tables.is_empty();
        Self { seq: record.seq, created_at: record.created_at, counts }
    }
}

impl Retention {
    /// With the grace that readers are promised.
    pub fn new(keep_for: Duration, keep_last: u64) -> Self {
        Self { keep_for, keep_last, grace: GRACE }
    }

    /// The moment from which on every record that was live is kept.
    pub fn since(&self, now: Timestamp) -> Timestamp {
        now.checked_sub(self.keep_for.max(self.grace)).unwrap_or(Timestamp::MIN)
    }

    /// The oldest sequence number from which on everything is kept. `records` are oldest first, begin at
    /// the present floor and end with the head. Those in the middle may be left out: between the oldest
    /// record that was live lately, with its successor, and the newest `keep_last` that count.
    pub fn floor(&self, records: &[Mark], now: Timestamp) -> Option<u64> {
        let (first, head) = (records.first()?, records.last()?);
        let since = self.since(now);
        let lately = records.iter().zip(records.iter().skip(1)).find(|(_, next)| next.created_at >= since);
        let lately = lately.map_or(head.seq, |(record, _)| record.seq);
        let counted = usize::try_from(self.keep_last.saturating_sub(1)).unwrap_or(usize::MAX);
        let last = records.iter().rev().filter(|record| record.counts).nth(counted);
        Some(lately.min(last.map_or(first.seq, |record| record.seq)))
    }
}

/// What is kept.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Kept {
    /// Every record from here on.
    pub floor: u64,
    /// And those that a release names.
    pub released: BTreeSet<u64>,
}

impl Kept {
    /// Whether the record of that number is kept.
    pub fn keeps(&self, seq: u64) -> bool {
        seq >= self.floor || self.released.contains(&seq)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_000_000;

    fn at(age: i64) -> Timestamp {
        Timestamp::from_second(NOW - age).unwrap()
    }

    /// Records from seq 1 on: each its age in seconds and whether it counts.
    fn marks(records: &[(i64, bool)]) -> Vec<Mark> {
        let mark =
            |(seq, (age, counts)): (u64, &(i64, bool))| Mark { seq, created_at: at(*age), counts: *counts };
        (1..).zip(records).map(mark).collect()
    }

    fn keep(keep_for: u64, keep_last: u64, grace: u64) -> Retention {
        let seconds = Duration::from_secs;
        Retention { keep_for: seconds(keep_for), keep_last, grace: seconds(grace) }
    }

    fn floor(retention: Retention, records: &[(i64, bool)]) -> u64 {
        retention.floor(&marks(records), at(0)).unwrap()
    }

    #[test]
    fn the_table() {
        let commits = [(500, true), (400, true), (300, true), (200, true), (100, true)];
        assert_eq!(floor(keep(0, 1, 0), &commits), 5, "the head always");
        assert_eq!(floor(keep(0, 2, 0), &commits), 4);
        assert_eq!(floor(keep(0, 9, 0), &commits), 1, "there are not as many");
        assert_eq!(floor(keep(250, 1, 0), &commits), 3, "published before, live until 200 s ago");
        assert_eq!(floor(keep(0, 1, 350), &commits), 2, "the grace of its readers");
        assert_eq!(floor(keep(300, 1, 0), &commits), 2, "live up to the very moment");
        assert_eq!(keep(0, 1, 0).floor(&[], at(0)), None);
        let claims = [(500, true), (400, true), (300, false), (200, false), (100, true), (50, false)];
        assert_eq!(floor(keep(0, 2, 0), &claims), 2, "what changes nothing is not counted");
        assert_eq!(floor(keep(0, 1, 60), &[(500, true), (499, false)]), 1, "the newest that counts");
        let set_back = [(500, true), (20, true), (300, true), (200, true)];
        assert_eq!(floor(keep(0, 1, 60), &set_back), 1, "a clock that was set back keeps more");
        let kept = Kept { floor: 5, released: [2].into() };
        assert_eq!((1..7).filter(|seq| kept.keeps(*seq)).collect::<Vec<_>>(), [2, 5, 6]);
    }

    /// Every ledger of up to six records out of four ages and two kinds, in order of time or not.
    #[test]
    fn every_small_ledger() {
        const AGES: [i64; 4] = [5, 15, 25, 35];
        for length in 1..=5_u32 {
            for code in 0..8_usize.pow(length) {
                let kind = |place| code / 8_usize.pow(place) % 8;
                let records: Vec<(i64, bool)> =
                    (0..length).map(|place| (AGES[kind(place) / 2], kind(place) % 2 == 0)).collect();
                for retention in [keep(0, 1, 0), keep(10, 1, 20), keep(30, 2, 0), keep(20, 3, 10)] {
                    check(&marks(&records), retention);
                }
            }
        }
    }

    fn check(records: &[Mark], retention: Retention) {
        let floor = retention.floor(records, at(0)).unwrap();
        let head = records.last().unwrap().seq;
        let since = at(i64::try_from(retention.keep_for.max(retention.grace).as_secs()).unwrap());
        let case = || format!("{retention:?} over {records:?} gives {floor}");
        assert!((1..=head).contains(&floor), "{}", case());
        for pair in records.windows(2).filter(|pair| pair[1].created_at >= since) {
            assert!(pair[0].seq >= floor, "was live lately: {}", case());
        }
        let counted: Vec<u64> = records.iter().filter(|r| r.counts).map(|r| r.seq).collect();
        let last = usize::try_from(retention.keep_last).unwrap();
        assert!(counted.iter().rev().take(last).all(|seq| *seq >= floor), "{}", case());
        // Later never keeps more, and what is gone makes no difference to what is kept.
        let later = retention.floor(records, at(-10)).unwrap();
        assert!(later >= floor, "{}", case());
        let rest: Vec<Mark> = records.iter().filter(|r| r.seq >= floor).copied().collect();
        assert_eq!(retention.floor(&rest, at(0)), Some(floor), "{}", case());
        // What is published without a change pushes nothing out by number.
        let mut more = records.to_vec();
        more.push(Mark { seq: head + 1, created_at: at(0), counts: false });
        let enough = counted.len() >= last;
        assert!(!enough || retention.floor(&more, at(0)).unwrap() <= counted[counted.len() - last]);
    }

    /// The records that are looked at are enough.
    #[test]
    fn the_middle_can_be_left_out() {
        let records: Vec<(i64, bool)> = (0..40).rev().map(|i| (i * 10, i % 3 != 0)).collect();
        for (keep_for, keep_last) in [(0, 1), (50, 3), (200, 3), (30, 12), (390, 2)] {
            let retention = keep(keep_for, keep_last, 0);
            let all = marks(&records);
            let floor = retention.floor(&all, at(0));
            let since = retention.since(at(0));
            let lately = all.windows(2).position(|pair| pair[1].created_at >= since).unwrap();
            let counted: Vec<usize> = (0..40).rev().filter(|i| all[*i].counts).collect();
            let last = counted[usize::try_from(keep_last).unwrap() - 1];
            let mut some = all[..=lately + 1].to_vec();
            some.extend(&all[last.max(lately + 2).min(40)..]);
            assert_eq!(retention.floor(&some, at(0)), floor, "{keep_for} {keep_last}");
        }
    }
}
