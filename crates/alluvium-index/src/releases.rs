//! Releases: publishes with a name, kept until the name is dropped. And the one way to say which record
//! is meant: by name, by sequence number or by time.
//!
//! A release is an object of its own beside the ledger, created with put-if-absent: naming a record
//! changes nothing that a writer builds on, so it neither fences nor waits for one.
//!
//! A vacuum publishes its floor first and lists the releases then. Naming a record puts the release first
//! and reads the floor then. So whichever comes second sees the other: a release is there and its record
//! is kept, or it is refused.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use alluvium_core::ledger::Record;
use fail::fail_point;
use futures::TryStreamExt;
use jiff::Timestamp;
use object_store::path::Path as StorePath;
use object_store::{ObjectStore, ObjectStoreExt, PutMode, PutOptions};
use serde::{Deserialize, Serialize};

use crate::error::{IndexError, Result};
use crate::layout::Layout;
use crate::ledger::{Ledger, store_error};
use crate::storage;

const SCHEMA: &str = "alluvium.release.v1";
/// The longest name.
const MAX_NAME: usize = 64;

/// A publish with a name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Release {
    schema: String,
    /// Its name.
    pub name: String,
    /// The record that it names.
    pub seq: u64,
    /// When it was named.
    pub created_at: Timestamp,
}

/// Which record is meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// The release of that name.
    Name(String),
    /// The record of that number.
    Seq(u64),
    /// The newest record that is not younger.
    Time(Timestamp),
}

impl Target {
    /// Reads `seq:N`, a time such as `2026-11-20T10:00:00Z`, or a release's name.
    pub fn parse(text: &str) -> Self {
        let seq = text.strip_prefix("seq:").and_then(|digits| digits.parse().ok());
        match (seq, text.parse()) {
            (Some(seq), _) => Self::Seq(seq),
            (None, Ok(time)) => Self::Time(time),
            (None, Err(_)) => Self::Name(text.to_owned()),
        }
    }
}

/// The releases of one index.
#[derive(Debug, Clone)]
pub struct Releases {
    ledger: Ledger,
    /// Made with the first release: whoever reads an index makes nothing in it.
    folder: PathBuf,
}

impl Releases {
    /// Opens the releases of the index at `root`, which must be there.
    pub fn open(root: &Path) -> Result<Self> {
        let layout = Layout::new(root);
        Ok(Self { ledger: Ledger::open(&layout)?, folder: layout.releases() })
    }

    fn store(&self) -> Result<Option<Arc<dyn ObjectStore>>> {
        storage::existing_folder_store(&self.folder)
    }

    /// All of them, the newest record first.
    pub async fn list(&self) -> Result<Vec<Release>> {
        let Some(store) = self.store()? else { return Ok(Vec::new()) };
        let listed: Vec<_> = store.list(None).try_collect().await.map_err(store_error("listing releases"))?;
        let mut releases = Vec::new();
        for object in listed {
            let Some(name) = object.location.filename().and_then(|f| f.strip_suffix(".json")) else {
                continue;
            };
            releases.extend(self.get(name).await?);
        }
        releases.sort_by(|a, b| (b.seq, &a.name).cmp(&(a.seq, &b.name)));
        Ok(releases)
    }

    /// The records that are named, by releases other than `except`.
    pub(crate) async fn named_records(&self, except: Option<&str>) -> Result<BTreeSet<u64>> {
        let others = self.list().await?.into_iter().filter(|release| Some(release.name.as_str()) != except);
        Ok(others.map(|release| release.seq).collect())
    }

    /// Names a record.
    pub async fn create(&self, name: &str, seq: u64, now: Timestamp) -> Result<Release> {
        check_name(name)?;
        self.record(seq).await?;
        let release = Release { schema: SCHEMA.to_owned(), name: name.to_owned(), seq, created_at: now };
        let action = format!("writing release {name:?}");
        let bytes = serde_json::to_vec_pretty(&release)
            .map_err(|e| IndexError::Storage { action: action.clone(), message: e.to_string() })?;
        let create = PutOptions { mode: PutMode::Create, ..PutOptions::default() };
        fail_point!("release::before-put");
        match storage::folder_store(&self.folder)?.put_opts(&place(name), bytes.into(), create).await {
            Ok(_) => {}
            Err(object_store::Error::AlreadyExists { .. }) => {
                return Err(IndexError::Exists(format!("there is a release {name:?} already")));
            }
            Err(error) => return Err(store_error(&action)(error)),
        }
        fail_point!("release::after-put");
        // A vacuum that passed the record meanwhile may have listed the releases before this one was there.
        if let Err(error) = self.check_kept(seq, Some(name)).await {
            self.remove(name).await?;
            return Err(error);
        }
        Ok(release)
    }

    /// Takes a name away; what it named may then be vacuumed.
    pub async fn drop(&self, name: &str) -> Result<Release> {
        let release = self.named(name).await?;
        self.remove(name).await?;
        Ok(release)
    }

    async fn remove(&self, name: &str) -> Result<()> {
        let store = storage::folder_store(&self.folder)?;
        store.delete(&place(name)).await.map_err(store_error("dropping a release"))
    }

    /// Refuses a record that a vacuum took, or may take at any moment. The release `except` does not count.
    pub(crate) async fn check_kept(&self, seq: u64, except: Option<&str>) -> Result<()> {
        let floor = self.floor().await?;
        if seq >= floor || self.named_records(except).await?.contains(&seq) {
            return Ok(());
        }
        Err(IndexError::vacuumed(seq, floor))
    }

    async fn floor(&self) -> Result<u64> {
        Ok(self.ledger.head().await?.map_or(1, |head| head.floor()))
    }

    /// The record that is meant. It has tables: content can be read at it.
    pub async fn resolve(&self, target: &Target) -> Result<Record> {
        match target {
            Target::Name(name) => self.record(self.named(name).await?.seq).await,
            Target::Seq(seq) => self.record(*seq).await,
            Target::Time(time) => self.at(*time).await,
        }
    }

    /// The newest records, at most so many, the newest first.
    pub async fn history(&self, most: usize) -> Result<Vec<Record>> {
        let mut records = Vec::new();
        for seq in self.ledger.sequence_numbers().await?.into_iter().take(most) {
            // What is listed may be vacuumed before it is read.
            records.extend(self.ledger.find(seq).await?);
        }
        Ok(records)
    }

    async fn record(&self, seq: u64) -> Result<Record> {
        // Numbers begin with 1, so that nothing below was ever there to be vacuumed.
        if seq > 0 {
            self.check_kept(seq, None).await?;
        }
        let record = self.ledger.find(seq).await?.filter(|record| !record.tables.is_empty());
        record
            .ok_or_else(|| IndexError::NotFound(format!("the ledger holds no record {seq} that can be read")))
    }

    /// Below the floor there are holes, and what was live in one is not what a release before it names.
    async fn at(&self, time: Timestamp) -> Result<Record> {
        let mut numbers = self.ledger.sequence_numbers().await?;
        let floor = match numbers.first() {
            Some(head) => self.ledger.get(*head).await?.floor(),
            None => 1,
        };
        numbers.retain(|seq| *seq >= floor);
        for seq in numbers {
            let found = self.ledger.find(seq).await?;
            if let Some(record) = found.filter(|r| r.created_at <= time && !r.tables.is_empty()) {
                return Ok(record);
            }
        }
        Err(match floor {
            1 => IndexError::NotFound(format!("the ledger holds no record as old as {time}")),
            _ => IndexError::Vacuumed { what: format!("what was live at {time}"), floor },
        })
    }

    async fn named(&self, name: &str) -> Result<Release> {
        let found = if check_name(name).is_ok() { self.get(name).await? } else { None };
        found.ok_or_else(|| {
            IndexError::NotFound(format!(
                "there is no release {name:?}; a record is named as seq:N, or by a time"
            ))
        })
    }

    async fn get(&self, name: &str) -> Result<Option<Release>> {
        let action = format!("reading release {name:?}");
        let Some(store) = self.store()? else { return Ok(None) };
        let got = match store.get(&place(name)).await {
            Err(object_store::Error::NotFound { .. }) => return Ok(None),
            got => got.map_err(store_error(&action))?,
        };
        let bytes = got.bytes().await.map_err(store_error(&action))?;
        let release: Release = serde_json::from_slice(&bytes)
            .map_err(|e| IndexError::Storage { action, message: format!("is not a release: {e}") })?;
        Ok(Some(release))
    }
}

fn place(name: &str) -> StorePath {
    StorePath::from(format!("{name}.json"))
}

/// Names that can't be taken for a number or a time, and that are file names everywhere.
fn check_name(name: &str) -> Result<()> {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let plain =
        !name.is_empty() && name.len() <= MAX_NAME && name.chars().all(fits) && !name.starts_with('.');
    if plain && matches!(Target::parse(name), Target::Name(_)) {
        return Ok(());
    }
    let detail = "is no name for a release: letters, digits, '-', '_' and '.', not a time, at most 64";
    Err(IndexError::BadName(format!("{name:?} {detail}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_a_number_a_time_or_a_name() {
        assert_eq!(Target::parse("seq:12"), Target::Seq(12));
        let time = "2026-11-20T10:00:00Z";
        assert_eq!(Target::parse(time), Target::Time(time.parse().unwrap()));
        for name in ["seq:x", "before-import", "2026", "v1.2"] {
            assert_eq!(Target::parse(name), Target::Name(name.to_owned()), "{name}");
        }
    }

    #[test]
    fn names_are_plain() {
        for good in ["a", "before-import", "v1.2_x"] {
            assert!(check_name(good).is_ok(), "{good}");
        }
        for bad in ["", "seq:1", ".hidden", "a/b", "..", "a b", "2026-11-20T10:00:00Z", &"x".repeat(65)] {
            assert!(check_name(bad).is_err(), "{bad}");
        }
    }
}
