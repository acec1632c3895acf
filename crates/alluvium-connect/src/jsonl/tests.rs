#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

use std::io::Write;
use std::path::Path;
use std::time::Instant;

use alluvium_core::change::{AccessChange, ContentChange, DocumentChange};
use alluvium_core::checkpoint::{Checkpoint, CheckpointDelta};
use alluvium_core::clock::SystemClock;
use alluvium_core::version::VersionKind;

use super::*;
use crate::conformance::{drain, verb};

const DEADLINE: Duration = Duration::from_secs(30);
const ROOM: Room = Room { bytes: 1 << 20, changes: 1000 };

fn spec() -> JsonlSpec {
    JsonlSpec {
        name: SourceName::new("events").unwrap(),
        default_acl: Some(Acl { readers: vec!["default".to_owned()], ..Acl::default() }),
        content_roots: Vec::new(),
        content_buckets: Vec::new(),
        max_event_size: 400,
    }
}

fn event(id: &str, text: &str) -> String {
    let content = format!(r#""content":{{"text":"{text}","media_type":"text/plain"}}"#);
    format!(r#"{{"schema":"alluvium.document_change.v1","op":"upsert","id":"{id}",{content}}}"#)
}

fn source(path: &Path, mode: JsonlMode, checkpoint: &Checkpoint) -> JsonlSource {
    let partitions =
        checkpoint.0.get(&spec().name).map(|source| source.partitions.clone()).unwrap_or_default();
    JsonlSource::file(spec(), path.to_owned(), mode, partitions, vec![], Arc::new(SystemClock)).unwrap()
}

/// What was read, and the checkpoint after it. Applying it checks that progress joins end to end.
struct Read {
    verbs: Vec<String>,
    changes: Vec<DocumentChange>,
    checkpoint: Checkpoint,
    deltas: Vec<CheckpointDelta>,
}

impl Read {
    fn new(checkpoint: &Checkpoint) -> Self {
        Self { verbs: Vec::new(), changes: Vec::new(), checkpoint: checkpoint.clone(), deltas: Vec::new() }
    }

    fn take(&mut self, batch: SourceBatch) {
        self.checkpoint = self.checkpoint.apply(&batch.deltas).unwrap();
        self.deltas.extend(batch.deltas);
        self.verbs.extend(batch.changes.iter().map(verb));
        self.changes.extend(batch.changes);
    }
}

async fn backfill(path: &Path, checkpoint: &Checkpoint, room: Room) -> Read {
    let mut source = source(path, JsonlMode::Backfill, checkpoint);
    let mut read = Read::new(checkpoint);
    drain(&mut source, room).await.unwrap().into_iter().for_each(|batch| read.take(batch));
    read
}

fn file(text: impl AsRef<[u8]>) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("events.jsonl");
    std::fs::write(&path, text).unwrap();
    (folder, path)
}

fn append(path: &Path, text: &str) {
    std::fs::File::options().append(true).open(path).unwrap().write_all(text.as_bytes()).unwrap();
}

/// Good lines and bad ones, with their verbs.
fn mixed() -> (String, Vec<&'static str>) {
    let delete = r#"{"schema":"alluvium.document_change.v1","op":"delete","id":"a"}"#;
    let lines = [
        format!("\u{feff}{}", event("a", "one")),
        String::new(),
        "no event".to_owned(),
        format!("{}\r", event("b", "two")),
        "  ".to_owned(),
        event("long", &"x".repeat(400)),
        delete.to_owned(),
        event("", "no id"),
        event("c", "three").replace("text/plain", "image/png"),
        event("d", "four"),
    ];
    let verbs = vec![
        "a=one",
        "? bad_event",
        "b=two",
        "? too_large",
        "a delete",
        "? bad_event",
        "c bad_event",
        "d=four",
    ];
    (lines.join("\n"), verbs)
}

#[tokio::test]
async fn every_line_is_a_change() {
    let (text, verbs) = mixed();
    let (_folder, path) = file(&text);
    let read = backfill(&path, &Checkpoint::default(), ROOM).await;
    assert_eq!(read.verbs, verbs);
    let last = read.deltas.last().unwrap();
    assert_eq!((last.after, last.through), (None, text.len() as u64));
    assert!(last.watermark.is_some(), "it was read to its end");

    let start = text.find("no event").unwrap() as u64;
    let Some(ContentChange::Refused { version, refusal, hash }) = &read.changes[1].content else { panic!() };
    assert_eq!(
        (version.kind, version.value, &version.incarnation),
        (VersionKind::Log, start, &last.partition)
    );
    assert!(refusal.detail.starts_with(&format!("line 3 at byte {start}: ")), "{refusal}");
    assert!(hash.is_some());
    assert_eq!(read.changes[1].origin.position, format!("{}:{start}", path.display()));
    assert_eq!(read.changes[1].doc_id.local(), format!("./event/{}/{start}", last.partition));
    assert_eq!(read.changes[1].access, AccessChange::Unsaid { default: Some(Acl::nobody()) });
    let Some(ContentChange::Refused { refusal, .. }) = &read.changes[3].content else { panic!() };
    assert!(refusal.detail.ends_with("bytes; max_event_size is 400"), "{refusal}");
}

#[tokio::test]
async fn reading_goes_on_at_every_position() {
    let (text, verbs) = mixed();
    let (_folder, path) = file(&text);
    let small = Room { bytes: 1, changes: 1 };
    let whole = backfill(&path, &Checkpoint::default(), small).await;
    assert_eq!(whole.verbs, verbs);
    assert!(whole.deltas.len() >= verbs.len());
    let mut checkpoint = Checkpoint::default();
    for (i, delta) in whole.deltas.iter().enumerate() {
        checkpoint = checkpoint.apply(std::slice::from_ref(delta)).unwrap();
        let rest = backfill(&path, &checkpoint, ROOM).await;
        let done = (i + 1).min(verbs.len());
        assert_eq!(rest.verbs, verbs[done..], "after {i} batches");
        assert!(backfill(&path, &rest.checkpoint, ROOM).await.verbs.is_empty());
    }
}

#[tokio::test]
async fn a_last_line_counts_when_it_is_whole() {
    let (_folder, path) = file("");
    assert!(backfill(&path, &Checkpoint::default(), ROOM).await.deltas.is_empty());
    let text = event("a", "1");
    std::fs::write(&path, &text[..20]).unwrap();
    assert!(backfill(&path, &Checkpoint::default(), ROOM).await.verbs.is_empty());
    append(&path, &text[20..]);
    let first = backfill(&path, &Checkpoint::default(), ROOM).await;
    assert_eq!(first.verbs, ["a=1"]);
    append(&path, &format!("\n{}\n{}", event("b", "2"), &text[..20]));
    let second = backfill(&path, &first.checkpoint, ROOM).await;
    assert_eq!(second.verbs, ["b=2"], "the line feed that came late is a blank line");
    append(&path, &text[20..]);
    assert_eq!(backfill(&path, &second.checkpoint, ROOM).await.verbs, ["a=1"]);
}

#[tokio::test]
async fn a_file_that_was_replaced_starts_anew() {
    let (_folder, path) = file(format!("{}\n{}\n", event("a", "1"), event("b", "2")));
    let first = backfill(&path, &Checkpoint::default(), ROOM).await;
    assert_eq!(first.verbs, ["a=1", "b=2"]);
    std::fs::write(&path, format!("{}\n{}\n{}\n", event("z", "1"), event("b", "2"), event("c", "3")))
        .unwrap();
    let second = backfill(&path, &first.checkpoint, ROOM).await;
    assert_eq!(second.verbs, ["z=1", "b=2", "c=3"]);
    std::fs::write(&path, format!("{}\n", event("z", "1"))).unwrap();
    let third = backfill(&path, &second.checkpoint, ROOM).await;
    assert_eq!(third.verbs, ["z=1"], "it begins as before and is shorter");
    assert!(backfill(&path, &third.checkpoint, ROOM).await.verbs.is_empty());
    let partitions = &third.checkpoint.0[&spec().name].partitions;
    assert_eq!(partitions.len(), 3);
    let incarnation = |read: &Read| match &read.changes[0].content {
        Some(ContentChange::Upsert(upsert)) => upsert.version.incarnation.clone(),
        _ => panic!(),
    };
    assert_ne!(incarnation(&second), incarnation(&third));
}

/// Reads batches until as many changes came.
async fn follow(source: &mut JsonlSource, read: &mut Read, changes: usize) {
    let deadline = Instant::now() + DEADLINE;
    while read.changes.len() < changes {
        let left = deadline.saturating_duration_since(Instant::now());
        let batch = tokio::time::timeout(left, source.next(ROOM)).await;
        read.take(batch.unwrap_or_else(|_| panic!("only {:?}", read.verbs)).unwrap().expect("it never ends"));
    }
}

#[tokio::test]
async fn a_file_that_is_followed_grows_shrinks_and_changes() {
    let (_folder, path) = file(format!("{}\n{}", event("a", "1"), event("b", "2")));
    let mut source = source(&path, JsonlMode::Follow, &Checkpoint::default());
    let mut read = Read::new(&Checkpoint::default());
    follow(&mut source, &mut read, 1).await;
    assert_eq!(read.verbs, ["a=1"], "the last line waits for its line feed");
    for _ in 0..3 {
        let waits = tokio::time::timeout(Duration::from_millis(60), source.next(ROOM)).await;
        assert!(waits.is_err(), "nothing new, and the wait may be dropped");
    }
    append(&path, "\nno event\n");
    follow(&mut source, &mut read, 3).await;
    assert_eq!(read.verbs[1..], ["b=2", "? bad_event"]);
    std::fs::write(&path, format!("{}\n", event("a", "1"))).unwrap();
    follow(&mut source, &mut read, 4).await;
    std::fs::write(&path, format!("{}\n", event("y", "1 and longer than before, by far"))).unwrap();
    follow(&mut source, &mut read, 5).await;
    assert_eq!(read.verbs[3..], ["a=1", "y=1 and longer than before, by far"]);
    std::fs::remove_file(&path).unwrap();
    let gone = tokio::time::timeout(DEADLINE, source.next(ROOM)).await.unwrap();
    assert!(matches!(gone, Err(SourceError::Unavailable { .. })));
    std::fs::write(&path, format!("{}\n", event("new", "1"))).unwrap();
    follow(&mut source, &mut read, 6).await;
    assert_eq!(read.verbs[5], "new=1");
    assert!(read.deltas.iter().all(|delta| delta.source == spec().name));
}

#[tokio::test]
async fn what_is_no_file_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let mut folder_source = source(folder.path(), JsonlMode::Backfill, &Checkpoint::default());
    assert!(matches!(folder_source.next(ROOM).await, Err(SourceError::Broken { .. })));
    let mut none = source(&folder.path().join("none"), JsonlMode::Follow, &Checkpoint::default());
    assert!(matches!(none.next(ROOM).await, Err(SourceError::Unavailable { .. })));
}

/// Gives what it is sent, as if somebody typed it.
struct Typed(std::sync::mpsc::Receiver<Vec<u8>>);

impl std::io::Read for Typed {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let Ok(bytes) = self.0.recv() else { return Ok(0) };
        buffer[..bytes.len()].copy_from_slice(&bytes);
        Ok(bytes.len())
    }
}

#[tokio::test]
async fn standard_input_is_read_to_its_end() {
    let (text, verbs) = mixed();
    for room in [ROOM, Room { bytes: 1, changes: 1 }, Room { bytes: 6, changes: 3 }] {
        let reader = Box::new(std::io::Cursor::new(text.clone().into_bytes()));
        let mut source = JsonlSource::stdin(spec(), reader, Arc::new(SystemClock)).unwrap();
        let mut read = Read::new(&Checkpoint::default());
        drain(&mut source, room).await.unwrap().into_iter().for_each(|batch| read.take(batch));
        assert_eq!(read.verbs, verbs);
        assert!(read.deltas.is_empty(), "there is no going back to it");
    }
    let reader = Box::new(std::io::Cursor::new(b"{\"schema\"".to_vec()));
    let mut source = JsonlSource::stdin(spec(), reader, Arc::new(SystemClock)).unwrap();
    let batch = source.next(ROOM).await.unwrap().unwrap();
    assert_eq!(batch.changes.iter().map(verb).collect::<Vec<_>>(), ["? bad_event"], "nothing more can come");
}

#[tokio::test]
async fn what_came_before_a_failure_is_not_lost() {
    struct Failing;
    impl std::io::Read for Failing {
        fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
            Err(std::io::ErrorKind::BrokenPipe.into())
        }
    }
    let lines = format!("{}\n{}\n", event("a", "1"), event("b", "2"));
    let reader = std::io::Read::chain(std::io::Cursor::new(lines.into_bytes()), Failing);
    let mut source = JsonlSource::stdin(spec(), Box::new(reader), Arc::new(SystemClock)).unwrap();
    let mut read = Read::new(&Checkpoint::default());
    let error = loop {
        match source.next(ROOM).await {
            Ok(batch) => read.take(batch.unwrap()),
            Err(error) => break error,
        }
    };
    assert_eq!(read.verbs, ["a=1", "b=2"]);
    assert!(matches!(error, SourceError::Broken { .. }));
}

#[tokio::test]
async fn waiting_for_standard_input_may_be_dropped() {
    let (typing, typed) = std::sync::mpsc::sync_channel(1);
    let mut source = JsonlSource::stdin(spec(), Box::new(Typed(typed)), Arc::new(SystemClock)).unwrap();
    let (line, rest) = (event("a", "1"), format!("\n{}", event("b", "2")));
    typing.send(line.into_bytes()).unwrap();
    assert!(tokio::time::timeout(Duration::from_millis(20), source.next(ROOM)).await.is_err());
    typing.send(rest.into_bytes()).unwrap();
    let batch = source.next(ROOM).await.unwrap().unwrap();
    assert_eq!(batch.changes.iter().map(verb).collect::<Vec<_>>(), ["a=1"]);
    drop(typing);
    assert_eq!(verb(&source.next(ROOM).await.unwrap().unwrap().changes[0]), "b=2");
    assert!(source.next(ROOM).await.unwrap().is_none());
}

#[tokio::test]
async fn lines_are_tried_again_where_they_still_are() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("events.jsonl");
    let lines = format!("{}\n{}\nno event\n", event("a", "one"), event("b", "two"));
    std::fs::write(&path, &lines).unwrap();
    let first = backfill(&path, &Checkpoint::default(), ROOM).await;
    let again = |number: usize, position: Option<String>| {
        let change = &first.changes[number];
        let position = position.unwrap_or_else(|| change.origin.position.clone());
        Again { doc_id: change.doc_id.clone(), position }
    };
    let wanted = vec![
        again(1, None),
        again(2, None),
        again(0, Some(again(1, None).position)),
        again(0, Some(format!("{}:1", path.display()))),
        again(0, Some(format!("{}:999999", path.display()))),
        again(0, Some("nowhere".to_owned())),
    ];
    let partitions = first.checkpoint.0[&spec().name].partitions.clone();
    let clock = Arc::new(SystemClock);
    let mut source = JsonlSource::file(spec(), path, JsonlMode::Backfill, partitions, wanted, clock).unwrap();
    let mut read = Read::new(&first.checkpoint);
    let narrow = Room { changes: 1, ..ROOM };
    while let Some(batch) = source.next(narrow).await.unwrap() {
        read.take(batch);
    }
    assert_eq!(read.verbs, ["? bad_event", "b=two"], "and no more of those that are not there");
    assert_eq!(read.changes[0].doc_id, first.changes[2].doc_id);
    assert_eq!(read.checkpoint.0[&spec().name].partitions, first.checkpoint.0[&spec().name].partitions);
}

#[tokio::test]
async fn a_folder_of_contents_that_goes_away_is_waited_for() {
    let refer = format!(
        r#"{{"schema":"alluvium.document_change.v1","op":"upsert","id":"b","content":{{{}}}}}"#,
        r#""uri":"b.txt","media_type":"text/plain""#
    );
    let lines = format!("{}\n{refer}\n{}\n", event("a", "1"), event("c", "3"));
    let (folder, path) = file(&lines);
    let shelf = folder.path().join("shelf");
    let spec = || JsonlSpec { content_roots: vec![shelf.clone()], ..spec() };
    let clock = || Arc::new(SystemClock);
    let followed =
        JsonlSource::file(spec(), path.clone(), JsonlMode::Follow, BTreeMap::new(), vec![], clock()).unwrap();
    let input = Box::new(std::io::Cursor::new(lines.clone().into_bytes()));
    let piped = JsonlSource::stdin(spec(), input, clock()).unwrap();
    for mut source in [followed, piped] {
        let mut read = Read::new(&Checkpoint::default());
        let said = loop {
            match tokio::time::timeout(DEADLINE, source.next(ROOM)).await.unwrap() {
                Ok(batch) => read.take(batch.unwrap()),
                Err(error) => break error,
            }
        };
        assert!(matches!(said, SourceError::Unavailable { .. }), "{said}");
        assert!(source.next(ROOM).await.is_err(), "it is still away");
        assert_eq!(read.verbs, ["a=1"], "nothing is refused");
        std::fs::create_dir(&shelf).unwrap();
        std::fs::write(shelf.join("b.txt"), "2").unwrap();
        follow(&mut source, &mut read, 3).await;
        assert_eq!(read.verbs, ["a=1", "b=2", "c=3"]);
        std::fs::remove_dir_all(&shelf).unwrap();
    }
}
