//! Sequences that are too rare to wait for.

use super::op::{Edit, Event, EventChange, Op, Sequence, Source, points};

fn upsert(version: u64, text: u8) -> Event {
    Event { document: 0, version, change: EventChange::Upsert { text, list: None } }
}

fn events(new: Vec<Event>) -> Op {
    Op::Events { new, ingest: 100, careless: false }
}

fn rollback(back: usize, keep_offsets: bool) -> Op {
    Op::Rollback { back, restore_deleted: false, keep_offsets, pause: true }
}

fn settled(steps: Vec<Op>) -> Sequence {
    Sequence { bare: false, steps }
}

fn write(document: u8, text: u8) -> Op {
    Op::Files { edits: vec![Edit::Write { document, text }], scan: true }
}

fn erase(document: u8) -> Op {
    Op::Erase { source: Source::Events, document }
}

fn unerase(document: u8) -> Op {
    Op::Unerase { source: Source::Events, document }
}

/// The next of the waiting events alone.
fn one_event() -> Op {
    Op::Events { new: vec![], ingest: 1, careless: false }
}

/// The erased version is replayed when the rollback rewinds the log to before it.
pub fn replay_after_erasure() -> Sequence {
    let renewed = vec![events(vec![upsert(6, 2)]), rollback(4, false), Op::Resume, one_event()];
    settled([vec![Op::Maintain, events(vec![upsert(4, 1)]), erase(0), unerase(0)], renewed].concat())
}

/// An event for an erased document.
pub fn news_of_the_erased() -> Sequence {
    settled(vec![erase(0), events(vec![upsert(6, 1)])])
}

/// A deletion is remembered where the record that is rolled back to knows nothing of the document.
pub fn replay_after_deletion() -> Sequence {
    let new = |change| Event { document: 1, version: 6, change };
    let steps = vec![
        events(vec![upsert(1, 1)]),
        events(vec![new(EventChange::Upsert { text: 3, list: None })]),
        events(vec![new(EventChange::Delete)]),
        rollback(2, false),
        Op::Resume,
        one_event(),
    ];
    Sequence { bare: true, steps }
}

/// A document is deleted, made anew, and gone again by a rollback; the release from before all this is read
/// at the twelfth step.
pub fn release_after_reburial() -> Sequence {
    let change = |version, change| events(vec![Event { document: 1, version, change }]);
    let anew = EventChange::Upsert { text: 3, list: None };
    let steps = vec![Op::Release, change(5, EventChange::Delete), change(6, anew), rollback(1, false)];
    settled([steps, vec![Op::Restart; 8]].concat())
}

/// A second rollback that keeps the offsets leaves what the first one held back.
pub fn held_through_another() -> Sequence {
    let held = vec![write(0, 3), rollback(1, true), Op::Resume];
    let again = vec![write(1, 3), rollback(1, true), Op::Resume];
    settled([held, again, vec![Op::Files { edits: vec![], scan: true }]].concat())
}

/// A second rollback that rewinds lets go of what the first one held back.
pub fn released_by_another() -> Sequence {
    let scan = Op::Files { edits: vec![], scan: true };
    settled(vec![write(0, 3), rollback(1, true), Op::Resume, rollback(1, false), Op::Resume, scan])
}

/// An access list changes, and the rollback must not bring back the earlier one.
pub fn rollback_after_revocation() -> Sequence {
    let revoked = Event { document: 0, version: 5, change: EventChange::Access { list: 4 } };
    settled(vec![events(vec![revoked]), rollback(1, true)])
}

/// A document that never had good content.
pub fn nothing_but_broken() -> Sequence {
    let broken = Event { document: 0, version: 1, change: EventChange::Broken { list: None } };
    Sequence { bare: true, steps: vec![events(vec![broken])] }
}

/// What a writer left of the policies when it died.
pub fn death_after_policy() -> Sequence {
    let point = points().iter().position(|point| *point == "commit::after-policy").unwrap();
    let revoked = Event { document: 0, version: 5, change: EventChange::Access { list: 4 } };
    let during = Box::new(events(vec![revoked.clone()]));
    settled(vec![Op::Die { point, nth: 0, during }, events(vec![revoked])])
}

/// What a person wanted of a hold ends with the hold.
pub fn wanted_hold_ended() -> Sequence {
    settled(vec![write(0, 3), rollback(1, true), Op::Resume, Op::Retry, rollback(1, false)])
}

/// A hold that a person did without stays through other rollbacks.
pub fn dropped_hold_through_another() -> Sequence {
    let drop = Op::Drop { source: Source::Files, document: 0 };
    let scan = || Op::Files { edits: vec![], scan: true };
    let held = vec![write(0, 3), write(0, 1), rollback(1, true), drop, Op::Resume, scan()];
    settled([held, vec![rollback(5, true), Op::Resume, scan()]].concat())
}

/// What was broken is read again, once a person wants it.
pub fn broken_and_mended() -> Sequence {
    let broken = Event { document: 0, version: 6, change: EventChange::Broken { list: Some(4) } };
    settled(vec![events(vec![broken]), Op::Retry])
}

fn emptied(version: u64) -> Event {
    Event { document: 0, version, change: EventChange::Emptied { list: None } }
}

/// What a source does not say any more is not served, neither when it comes again nor after what is older.
pub fn emptied_and_late() -> Sequence {
    settled(vec![
        events(vec![emptied(6)]),
        events(vec![upsert(5, 1)]),
        events(vec![upsert(7, 1), emptied(7)]),
    ])
}

/// A rollback brings it back, and content that is newer, too.
pub fn emptied_and_rolled_back() -> Sequence {
    let steps = vec![events(vec![emptied(6)]), rollback(1, true), Op::Resume, events(vec![upsert(7, 3)])];
    settled([steps, vec![rollback(2, true), Op::Resume]].concat())
}

/// A document is deleted and emptied in one batch: older records don't serve it.
pub fn deleted_and_emptied() -> Sequence {
    let deleted = Event { document: 0, version: 5, change: EventChange::Delete };
    settled(vec![Op::Release, events(vec![deleted, emptied(6), emptied(7)]), Op::Restart])
}

/// Nothing older is served in place of what a person does without.
pub fn dropped_while_served() -> Sequence {
    let broken = Event { document: 0, version: 6, change: EventChange::Broken { list: None } };
    let drop = Op::Drop { source: Source::Events, document: 0 };
    settled(vec![events(vec![broken]), drop, events(vec![upsert(5, 1)]), events(vec![upsert(7, 1)])])
}

macro_rules! each_holds {
    ($($name:ident,)*) => {
        mod holds {
            $(#[test]
            fn $name() {
                crate::model::run::hold_sequence(&super::$name());
            })*
        }
    };
}

each_holds! {
    replay_after_erasure,
    news_of_the_erased,
    replay_after_deletion,
    release_after_reburial,
    held_through_another,
    released_by_another,
    rollback_after_revocation,
    nothing_but_broken,
    death_after_policy,
    wanted_hold_ended,
    dropped_hold_through_another,
    broken_and_mended,
    emptied_and_late,
    emptied_and_rolled_back,
    deleted_and_emptied,
    dropped_while_served,
}
