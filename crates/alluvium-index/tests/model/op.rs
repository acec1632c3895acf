//! What can happen, as values that can be made at random and made smaller.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::strategy::Union;

use crate::common::STEPS;

/// Documents of each source.
pub const DOCUMENTS: u8 = 3;
/// Contents that a document can have.
pub const TEXTS: u8 = 4;
/// Access lists, as readers and denied.
pub const LISTS: [(&[&str], &[&str]); 5] =
    [(&["ann"], &[]), (&["bob"], &[]), (&["ann", "bob"], &[]), (&["ann", "bob"], &["bob"]), (&[], &[])];
/// The one that admits nobody.
pub const NOBODY: u8 = 4;
/// Who asks.
pub const PRINCIPALS: [&str; 3] = ["ann", "bob", "eve"];

/// A change event of one document in a log, with the producer's version.
#[derive(Debug, Clone)]
pub struct Event {
    pub document: u8,
    pub version: u64,
    pub change: EventChange,
}

#[derive(Debug, Clone)]
pub enum EventChange {
    Upsert {
        text: u8,
        list: Option<u8>,
    },
    /// Content that no extractor can read.
    Broken {
        list: Option<u8>,
    },
    /// Content without a word in it.
    Emptied {
        list: Option<u8>,
    },
    Delete,
    Access {
        list: u8,
    },
    /// An access list that nobody can read, perhaps with content.
    Unreadable {
        text: Option<u8>,
    },
}

/// An edit of one file in a folder.
#[derive(Debug, Clone)]
pub enum Edit {
    Write { document: u8, text: u8 },
    List { document: u8, list: u8 },
    Remove { document: u8 },
    Rename { from: u8, to: u8 },
}

/// One step.
#[derive(Debug, Clone)]
pub enum Op {
    /// Events join the log, and at most so many are ingested as one batch. A careless writer doesn't look
    /// whether somebody has published since.
    Events {
        new: Vec<Event>,
        ingest: usize,
        careless: bool,
    },
    /// Files change, and perhaps the folder is scanned.
    Files {
        edits: Vec<Edit>,
        scan: bool,
    },
    Erase {
        source: Source,
        document: u8,
    },
    Unerase {
        source: Source,
        document: u8,
    },
    Maintain,
    Restart,
    Release,
    DropRelease,
    /// To a record of so many steps ago.
    Rollback {
        back: usize,
        restore_deleted: bool,
        keep_offsets: bool,
        pause: bool,
    },
    Resume,
    /// All that waits in quarantine is to be tried again: what was broken is whole by then.
    Retry,
    /// A person does without what waits of a document.
    Drop {
        source: Source,
        document: u8,
    },
    /// The process dies where it comes to `point` for the `nth` time, if it does.
    Die {
        point: usize,
        nth: u8,
        during: Box<Op>,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    Events,
    Files,
}

/// Where a process can die: around every durable step.
pub fn points() -> Vec<&'static str> {
    [STEPS.as_slice(), &["rollback::after-restore"]].concat()
}

/// What happens to one index.
#[derive(Debug, Clone)]
pub struct Sequence {
    /// It begins with nothing at all, not with an index that holds every document.
    pub bare: bool,
    pub steps: Vec<Op>,
}

/// Sequences of up to twelve steps.
pub fn sequences() -> impl Strategy<Value = Sequence> {
    (prop::bool::weighted(0.15), vec(op(), 2..=12)).prop_map(|(bare, steps)| Sequence { bare, steps })
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        5 => living(),
        2 => (0..points().len(), 0_u8..3, living())
            .prop_map(|(point, nth, during)| Op::Die { point, nth, during: Box::new(during) }),
    ]
}

/// Steps that a process can die in, and those that are none.
fn living() -> Union<BoxedStrategy<Op>> {
    let source = || prop_oneof![Just(Source::Events), Just(Source::Files)];
    Union::new_weighted(vec![
        (
            8,
            (vec(event(), 0..5), 0_usize..8, prop::bool::weighted(0.2))
                .prop_map(|(new, ingest, careless)| Op::Events { new, ingest, careless })
                .boxed(),
        ),
        (
            6,
            (vec(edit(), 0..4), prop::bool::weighted(0.75))
                .prop_map(|(edits, scan)| Op::Files { edits, scan })
                .boxed(),
        ),
        (2, (source(), 0..DOCUMENTS).prop_map(|(source, document)| Op::Erase { source, document }).boxed()),
        (2, (source(), 0..DOCUMENTS).prop_map(|(source, document)| Op::Unerase { source, document }).boxed()),
        (2, Just(Op::Maintain).boxed()),
        (1, Just(Op::Restart).boxed()),
        (2, Just(Op::Release).boxed()),
        (1, Just(Op::DropRelease).boxed()),
        (
            3,
            (1_usize..8, any::<bool>(), any::<bool>(), any::<bool>())
                .prop_map(|(back, restore_deleted, keep_offsets, pause)| Op::Rollback {
                    back,
                    restore_deleted,
                    keep_offsets,
                    pause: pause || !keep_offsets,
                })
                .boxed(),
        ),
        (3, Just(Op::Resume).boxed()),
        (1, Just(Op::Retry).boxed()),
        (1, (source(), 0..DOCUMENTS).prop_map(|(source, document)| Op::Drop { source, document }).boxed()),
    ])
}

fn event() -> impl Strategy<Value = Event> {
    let list = || 0..LISTS.len() as u8;
    let change = prop_oneof![
        5 => (0..TEXTS, prop::option::of(list()))
            .prop_map(|(text, list)| EventChange::Upsert { text, list }),
        1 => prop::option::of(list()).prop_map(|list| EventChange::Broken { list }),
        1 => prop::option::of(list()).prop_map(|list| EventChange::Emptied { list }),
        2 => Just(EventChange::Delete),
        3 => list().prop_map(|list| EventChange::Access { list }),
        1 => prop::option::of(0..TEXTS).prop_map(|text| EventChange::Unreadable { text }),
    ];
    (0..DOCUMENTS, 1_u64..8, change).prop_map(|(document, version, change)| Event {
        document,
        version,
        change,
    })
}

fn edit() -> impl Strategy<Value = Edit> {
    let document = || 0..DOCUMENTS;
    prop_oneof![
        5 => (document(), 0..TEXTS).prop_map(|(document, text)| Edit::Write { document, text }),
        3 => (document(), 0..LISTS.len() as u8).prop_map(|(document, list)| Edit::List { document, list }),
        2 => document().prop_map(|document| Edit::Remove { document }),
        1 => (document(), document()).prop_map(|(from, to)| Edit::Rename { from, to }),
    ]
}
