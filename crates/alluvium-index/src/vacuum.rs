//! What retention lets go of: how far the floor may rise, and whether that is worth a round.
//!
//! Invariants:
//! - the floor rises with a published record before anything goes, and never falls. A reader, a rollback
//!   or a release that comes later sees it; a writer that was fenced meanwhile takes nothing away, because
//!   its own record was not published;
//! - releases are listed after that record: what one names is kept (`releases` has the other half);
//! - what goes is what no kept record names and what is older than the head, and never for its age alone.
//!   Newer versions are nobody's, or those of a writer in flight;
//! - what is left over after a crash is told from what is kept by the same rule, so that the next vacuum
//!   finishes it.

use alluvium_core::ledger::Record;
use alluvium_core::retention::{Mark, Retention};
use jiff::Timestamp;

use crate::error::Result;
use crate::ledger::Ledger;
use crate::tuning::Tuning;

mod sweep;

pub(crate) use sweep::{Removed, Sweep, Swept};

/// The floor that retention asks for, at most `most` records above the one that is there.
///
/// The ledger may be long, so only its ends are read: from the floor up to the oldest record that was live
/// lately, and from the head down to the last of those kept by number.
pub(crate) async fn floor(
    ledger: &Ledger,
    head: &Record,
    retention: &Retention,
    now: Timestamp,
    most: u64,
) -> Result<u64> {
    let start = head.floor();
    let limit = start.saturating_add(most);
    // Fewer records than are kept by number: none can go.
    if head.seq.saturating_sub(start) < retention.keep_last.max(1) {
        return Ok(start);
    }
    let since = retention.since(now);
    let mut oldest = Vec::new();
    for seq in start..=head.seq {
        let Some(record) = ledger.find(seq).await? else { continue };
        let lately = !oldest.is_empty() && record.created_at >= since;
        oldest.push(Mark::of(&record));
        if lately || seq > limit {
            break;
        }
    }
    let read = oldest.last().map_or(start, |mark| mark.seq);
    let mut newest = Vec::new();
    let mut counted = 0;
    for seq in (read.saturating_add(1)..=head.seq).rev() {
        let mark = ledger.find(seq).await?.as_ref().map(Mark::of);
        counted += u64::from(mark.is_some_and(|mark| mark.counts));
        newest.extend(mark);
        if counted >= retention.keep_last.max(1) {
            break;
        }
    }
    oldest.extend(newest.into_iter().rev());
    Ok(retention.floor(&oldest, now).unwrap_or(start).clamp(start, limit))
}

/// Whether enough fell out of retention to be worth a round.
pub(crate) async fn due(
    ledger: &Ledger,
    head: &Record,
    retention: &Retention,
    now: Timestamp,
    tuning: &Tuning,
) -> Result<bool> {
    let enough = enough(head, tuning);
    let next = head.floor().saturating_add(enough);
    if next > head.seq {
        return Ok(false);
    }
    // One look tells in nearly every case.
    let quick = ledger.find(next).await?;
    if quick.is_some_and(|record| record.created_at >= retention.since(now)) {
        return Ok(false);
    }
    Ok(floor(ledger, head, retention, now, enough).await? >= next)
}

/// How many records must have fallen out.
pub(crate) fn enough(head: &Record, tuning: &Tuning) -> u64 {
    let records = head.seq.saturating_sub(head.floor());
    tuning.vacuum_records.max(records / 9).max(1)
}

/// How many records, and versions of a table, one round may take.
pub(crate) fn most(head: &Record, tuning: &Tuning) -> u64 {
    tuning.vacuum_most.max(enough(head, tuning).saturating_mul(2))
}
