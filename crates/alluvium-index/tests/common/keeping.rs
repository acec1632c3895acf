//! Indexes that grow old in a moment: a clock that is set by hand, small retention, and a look at what is
//! left on storage.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use alluvium_core::clock::Clock;
use alluvium_core::id::PipelineName;
use alluvium_core::ledger::{self, Record};
use alluvium_core::retention::Retention;
use alluvium_index::{Index, Intervention, Options, Releases, SearchMode, Target, Tuning, Upkeep, Writer};
use lance::Dataset;

use super::{Ask, acl, commit, copy, fingerprint, options, sorted, upsert};

/// Hours that pass when told to.
#[derive(Clone)]
pub struct Hand(Arc<Mutex<jiff::Timestamp>>);

impl Clock for Hand {
    fn now(&self) -> jiff::Timestamp {
        *self.0.lock().unwrap()
    }
}

impl Hand {
    pub fn new() -> Self {
        Self(Arc::new(Mutex::new("2026-01-01T00:00:00Z".parse().unwrap())))
    }

    pub fn pass(&self, seconds: u64) {
        let mut now = self.0.lock().unwrap();
        *now = now.checked_add(Duration::from_secs(seconds)).unwrap();
    }
}

/// Sizes at which everything happens all the time.
pub const BUSY: Tuning =
    Tuning { unindexed_fragments: 12, vacuum_records: 8, vacuum_most: 20, ..Tuning::DEFAULT };

/// The newest `last`, and what was live in the last `grace` seconds.
pub fn keeping(clock: &Hand, last: u64, grace: u64) -> Options {
    let grace = Duration::from_secs(grace);
    let retention = Retention { keep_for: Duration::ZERO, keep_last: last, grace };
    Options { retention, ..options(clock.clone()) }
}

pub async fn keeping_writer(root: &Path, options: Options) -> Writer {
    let name = PipelineName::new("handbook").unwrap();
    Writer::open(root, &name, &fingerprint("model-a"), options).await.unwrap().tuned(BUSY)
}

pub async fn upkeep(root: &Path, options: Options) -> Upkeep {
    Upkeep::open(root, &PipelineName::new("handbook").unwrap(), options).await.unwrap().tuned(BUSY)
}

/// Everything by hand; gives how many pieces of work there were.
pub async fn maintain(root: &Path, options: Options) -> (Upkeep, usize) {
    let mut upkeep = upkeep(root, options).await;
    let mut pieces = 0;
    while let Some(work) = upkeep.next().await.unwrap() {
        upkeep.perform(work).await.unwrap();
        pieces += 1;
        assert!(pieces < 50, "it never ends");
    }
    (upkeep, pieces)
}

/// One publish a second over ten documents.
pub async fn grow(w: &mut Writer, clock: &Hand, publishes: std::ops::Range<usize>) {
    for i in publishes {
        clock.pass(1);
        commit(w, vec![upsert(&format!("s/{}", i % 10), &format!("text {i}"), acl(&["g"]))]).await;
    }
}

pub fn head(w: &Writer) -> u64 {
    w.head().unwrap().seq
}

/// What a person does, by the same clock.
pub async fn person(root: &Path, clock: &Hand) -> Intervention {
    Intervention::open(root, &PipelineName::new("handbook").unwrap(), options(clock.clone())).await.unwrap()
}

/// A second index as this one is.
pub fn copied(from: &Path) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    copy(from, folder.path());
    folder
}

/// What everybody finds in a record.
pub async fn answers_of(index: &Index) -> Vec<String> {
    let ask = Ask { limit: 10_000, ..Ask::by(SearchMode::Vector, "any") };
    sorted(&ask.of(index, &["g"]).await.hits)
}

pub async fn answers(root: &Path, target: &str) -> Vec<String> {
    let releases = Releases::open(root).unwrap();
    let record = releases.resolve(&Target::parse(target)).await.unwrap();
    answers_of(&Index::open_at(root, &record).await.unwrap()).await
}

/// The records on storage.
pub fn records(root: &Path) -> BTreeMap<u64, Record> {
    let files = std::fs::read_dir(root.join("ledger")).unwrap().map(|file| file.unwrap().path());
    let record = |path: PathBuf| {
        let seq = ledger::seq_of(path.file_name().unwrap().to_str().unwrap())?;
        Some((seq, ledger::parse(&std::fs::read(path).unwrap(), seq).unwrap()))
    };
    files.filter_map(record).collect()
}

/// The versions of every table on storage, and the files of their rows.
pub async fn versions(root: &Path) -> BTreeMap<String, BTreeSet<u64>> {
    let mut found = BTreeMap::new();
    for name in tables(root) {
        let dataset = open(root, &name).await;
        let versions = dataset.version_refs().await.unwrap().iter().map(|v| v.version).collect();
        found.insert(name, versions);
    }
    found
}

pub fn tables(root: &Path) -> Vec<String> {
    let names = std::fs::read_dir(root).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap());
    names.filter_map(|name| name.strip_suffix(".lance").map(str::to_owned)).collect()
}

async fn open(root: &Path, table: &str) -> Dataset {
    Dataset::open(root.join(format!("{table}.lance")).to_str().unwrap()).await.unwrap()
}

/// On storage is exactly what is kept: the records from the head's floor on and those that releases name,
/// the versions that these name, and the files of rows that these versions need.
pub async fn check_exact(root: &Path) {
    for (table, versions) in check_kept(root).await {
        let (found, needed) = files(root, &table, &versions).await;
        assert_eq!(found, needed, "files of {table}");
    }
}

/// The same where something failed: a file that no version names is left for a week.
pub async fn check_whole(root: &Path) {
    for (table, versions) in check_kept(root).await {
        let (found, needed) = files(root, &table, &versions).await;
        assert!(found.is_superset(&needed), "{table} lacks {:?}", &needed - &found);
    }
}

/// Records and versions are those that are kept; gives the versions.
async fn check_kept(root: &Path) -> BTreeMap<String, BTreeSet<u64>> {
    let records = records(root);
    let (newest, head) = records.last_key_value().unwrap();
    let released: BTreeSet<u64> =
        Releases::open(root).unwrap().list().await.unwrap().iter().map(|r| r.seq).collect();
    let mut kept: BTreeSet<u64> = (head.floor()..=*newest).collect();
    kept.extend(&released);
    assert_eq!(records.keys().copied().collect::<BTreeSet<_>>(), kept, "records");
    let mut named: BTreeMap<String, BTreeSet<u64>> = BTreeMap::new();
    for (table, version) in records.into_values().flat_map(|record| record.tables) {
        named.entry(table).or_default().insert(version);
    }
    assert_eq!(versions(root).await, named, "versions");
    named
}

/// The files of a table's rows, and those that its versions need.
async fn files(root: &Path, table: &str, versions: &BTreeSet<u64>) -> (BTreeSet<String>, BTreeSet<String>) {
    let mut needed = BTreeSet::new();
    for version in versions {
        let dataset = open(root, table).await.checkout_version(*version).await.unwrap();
        for fragment in dataset.fragments().iter() {
            needed.extend(fragment.files.iter().map(|file| file.path.clone()));
        }
    }
    let data = std::fs::read_dir(root.join(format!("{table}.lance/data")));
    let names = data.into_iter().flatten().map(|file| file.unwrap().file_name().into_string().unwrap());
    (names.collect(), needed)
}

/// The files beneath a folder in which some bytes stand.
pub fn grep(folder: &Path, bytes: &[u8]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(grep(&path, bytes));
        } else if std::fs::read(&path).unwrap().windows(bytes.len()).any(|window| window == bytes) {
            found.push(path);
        }
    }
    found
}
