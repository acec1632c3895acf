//! The ledger: records without holes, each readable, each naming what is there; and the releases.

use std::collections::{HashMap, HashSet};

use alluvium_core::checkpoint::Checkpoint;
use alluvium_core::ledger::{Reason, Record};
use futures::{StreamExt, TryStreamExt, stream};
use lance::dataset::builder::DatasetBuilder;
use object_store::ObjectStoreExt;

use super::findings::{Check, Sink};
use crate::error::{IndexError, Result};
use crate::layout::Layout;
use crate::ledger::{Ledger, store_error};
use crate::releases::Release;
use crate::storage;

/// Records that are read at a time.
const SIDE_BY_SIDE: usize = 16;

/// Checks the records `numbers`, the newest first, and gives the oldest one that has tables.
pub(super) async fn check(
    layout: &Layout,
    ledger: &Ledger,
    numbers: &[u64],
    head: Option<&Record>,
    sink: &mut Sink,
) -> Result<Option<Record>> {
    // Without a head that can be read there is none: every hole is one.
    let floor = head.map_or(1, Record::floor);
    holes(numbers, floor, sink);
    let releases = releases(layout, sink).await?;
    let named: HashSet<u64> = releases.iter().map(|release| release.seq).collect();
    let mut walk = Walk { layout, floor, head: head.map(|head| head.seq), named, ..Walk::new(layout) };
    let mut records = stream::iter(numbers.iter().rev().copied())
        .map(|seq| async move { (seq, ledger.get(seq).await) })
        .buffered(SIDE_BY_SIDE);
    while let Some((seq, record)) = records.next().await {
        match record {
            Ok(record) => walk.record(record, sink).await,
            // Taken away since it was listed, as a clean-up may.
            Err(IndexError::Storage { .. }) if !ledger.holds(seq).await? => {}
            Err(error) => sink.add(Check::RecordUnreadable, format!("record {seq}"), error),
        }
    }
    walk.releases(&releases, sink);
    Ok(walk.oldest)
}

fn holes(numbers: &[u64], floor: u64, sink: &mut Sink) {
    let kept: Vec<u64> = numbers.iter().rev().copied().filter(|seq| *seq >= floor).collect();
    for (before, after) in kept.iter().zip(kept.iter().skip(1)) {
        if *after != before + 1 {
            let subject = format!("records {} to {}", before + 1, after - 1);
            sink.add(Check::LedgerHole, subject, "are not there");
        }
    }
}

/// The releases that can be read.
async fn releases(layout: &Layout, sink: &mut Sink) -> Result<Vec<Release>> {
    let folder = layout.releases();
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let store = storage::folder_store(&folder)?;
    let listed: Vec<_> = store.list(None).try_collect().await.map_err(store_error("listing releases"))?;
    let mut releases = Vec::new();
    for object in listed {
        let Some(name) = object.location.filename().and_then(|file| file.strip_suffix(".json")) else {
            continue;
        };
        sink.checked.releases += 1;
        let bytes = match store.get(&object.location).await {
            Ok(got) => got.bytes().await.map_err(|error| error.to_string()),
            // Dropped since it was listed.
            Err(object_store::Error::NotFound { .. }) => continue,
            Err(error) => Err(error.to_string()),
        };
        match bytes.and_then(|bytes| serde_json::from_slice(&bytes).map_err(|error| error.to_string())) {
            Ok(release) => releases.push(release),
            Err(trouble) => sink.add(Check::ReleaseBroken, name, format!("can't be read: {trouble}")),
        }
    }
    releases.sort_by(|a: &Release, b: &Release| a.name.cmp(&b.name));
    Ok(releases)
}

/// A walk over the records, the oldest first.
struct Walk<'a> {
    layout: &'a Layout,
    floor: u64,
    /// The newest record, whose tables are opened by themselves.
    head: Option<u64>,
    /// Records that releases name.
    named: HashSet<u64>,
    before: Option<Record>,
    oldest: Option<Record>,
    /// Readable records with tables, among those that are named.
    good: HashSet<u64>,
    /// Table → the versions that it has.
    versions: HashMap<String, HashSet<u64>>,
}

impl<'a> Walk<'a> {
    fn new(layout: &'a Layout) -> Self {
        Self {
            layout,
            floor: 0,
            head: None,
            named: HashSet::new(),
            before: None,
            oldest: None,
            good: HashSet::new(),
            versions: HashMap::new(),
        }
    }

    async fn record(&mut self, record: Record, sink: &mut Sink) {
        sink.checked.records += 1;
        if let Some(before) = &self.before {
            follows(before, &record, sink);
        }
        let named = self.named.contains(&record.seq);
        if Some(record.seq) != self.head && (named || record.seq >= self.floor) {
            self.tables(&record, sink).await;
        }
        if !record.tables.is_empty() {
            if named {
                self.good.insert(record.seq);
            }
            if self.oldest.is_none() && record.seq >= self.floor {
                self.oldest = Some(record.clone());
            }
        }
        self.before = Some(record);
    }

    /// Every version that the record names must be there.
    async fn tables(&mut self, record: &Record, sink: &mut Sink) {
        for (table, version) in &record.tables {
            if !self.versions.contains_key(table) {
                let versions = versions(self.layout, table).await;
                self.versions.insert(table.clone(), versions);
            }
            if !self.versions.get(table).is_some_and(|versions| versions.contains(version)) {
                let detail = format!("names version {version} of table {table}, which is not there");
                sink.add(Check::VersionMissing, format!("record {}", record.seq), detail);
            }
        }
    }

    fn releases(&self, releases: &[Release], sink: &mut Sink) {
        for release in releases.iter().filter(|release| !self.good.contains(&release.seq)) {
            let detail = format!("names record {}, which is not there or holds no tables", release.seq);
            sink.add(Check::ReleaseBroken, &release.name, detail);
        }
    }
}

/// The versions of a table; none of one that is not there.
async fn versions(layout: &Layout, table: &str) -> HashSet<u64> {
    let (uri, store) = storage::table_place(&layout.table(table));
    let builder = DatasetBuilder::from_uri(uri).with_store_params(store);
    let listed = builder.with_session(storage::session(layout.root())).list_manifest_locations().await;
    listed.map(|found| found.into_iter().map(|location| location.version).collect()).unwrap_or_default()
}

/// What must hold from one record to the next that is there.
fn follows(before: &Record, record: &Record, sink: &mut Sink) {
    let subject = format!("record {}", record.seq);
    if record.epoch < before.epoch {
        let detail = format!("is of epoch {}, record {} of {}", record.epoch, before.seq, before.epoch);
        sink.add(Check::EpochFell, &subject, detail);
    }
    if record.epoch == before.epoch && record.writer.nonce != before.writer.nonce {
        let detail = format!("is of another writer than record {}, in the same epoch", before.seq);
        sink.add(Check::EpochShared, &subject, detail);
    }
    // A rollback may hide in a hole.
    if record.reason != Reason::Rollback && record.seq == before.seq + 1 {
        for place in went_back(&before.checkpoint, &record.checkpoint) {
            sink.add(Check::CheckpointWentBack, &subject, place);
        }
    }
}

fn went_back(before: &Checkpoint, after: &Checkpoint) -> Vec<String> {
    let mut places = Vec::new();
    for (source, checkpoint) in &before.0 {
        for (partition, position) in &checkpoint.partitions {
            let now = after.position(source, partition);
            if now < Some(*position) {
                let now = now.map_or_else(|| "nowhere".to_owned(), |now| now.to_string());
                places.push(format!("{source}/{partition} went from {position} back to {now}"));
            }
        }
    }
    places
}
