//! Records on storage: finding the head, and putting a new one in place exactly once.

use std::sync::Arc;

use alluvium_core::ledger::{Occupied, Record, file_name, judge_occupied, parse, seq_of};
use futures::TryStreamExt;
use object_store::path::Path as StorePath;
use object_store::{ObjectStore, ObjectStoreExt, PutMode, PutOptions};

use crate::error::{IndexError, Result};
use crate::layout::Layout;
use crate::storage::{self, Durability};

/// The ledger of one index.
#[derive(Debug, Clone)]
pub(crate) struct Ledger {
    store: Arc<dyn ObjectStore>,
}

impl Ledger {
    pub(crate) fn open(layout: &Layout) -> Result<Self> {
        Ok(Self { store: storage::folder_store(&layout.ledger())? })
    }

    /// The same, to write to: a record is durable when it is put.
    pub(crate) fn open_durable(layout: &Layout, durability: Durability) -> Result<Self> {
        Ok(Self { store: storage::synced_store(&layout.ledger(), durability)? })
    }

    /// The newest record; `None` in an empty ledger.
    pub(crate) async fn head(&self) -> Result<Option<Record>> {
        match self.sequence_numbers().await?.first() {
            Some(seq) => self.get(*seq).await.map(Some),
            None => Ok(None),
        }
    }

    /// The numbers of all records, the newest first.
    pub(crate) async fn sequence_numbers(&self) -> Result<Vec<u64>> {
        let listed: Vec<_> =
            self.store.list(None).try_collect().await.map_err(store_error("listing the ledger"))?;
        // Object stores list in order of names; a local file system does not.
        let mut numbers: Vec<u64> = listed.iter().filter_map(|o| seq_of(o.location.filename()?)).collect();
        numbers.sort_unstable_by(|a, b| b.cmp(a));
        Ok(numbers)
    }

    /// One record.
    pub(crate) async fn get(&self, seq: u64) -> Result<Record> {
        self.find(seq).await?.ok_or_else(|| IndexError::Storage {
            action: format!("reading ledger record {seq}"),
            message: "it is not there".to_owned(),
        })
    }

    /// One record, if it is there.
    pub(crate) async fn find(&self, seq: u64) -> Result<Option<Record>> {
        let name = file_name(seq);
        let path = StorePath::from(name.as_str());
        let action = format!("reading ledger record {seq}");
        let got = match self.store.get(&path).await {
            Err(object_store::Error::NotFound { .. }) => return Ok(None),
            got => got.map_err(store_error(&action))?,
        };
        let bytes = got.bytes().await.map_err(store_error(&action))?;
        parse(&bytes, seq).map(Some).map_err(|error| IndexError::Record { name, error })
    }

    /// Removes a record that nobody may go back to any more.
    pub(crate) async fn remove(&self, seq: u64) -> Result<()> {
        match self.store.delete(&StorePath::from(file_name(seq))).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(store_error(&format!("removing ledger record {seq}"))(error)),
        }
    }

    /// Whether there is a record of that number: one request, however long the ledger is.
    pub(crate) async fn holds(&self, seq: u64) -> Result<bool> {
        match self.store.head(&StorePath::from(file_name(seq))).await {
            Ok(_) => Ok(true),
            Err(object_store::Error::NotFound { .. }) => Ok(false),
            Err(error) => Err(store_error(&format!("looking for ledger record {seq}"))(error)),
        }
    }

    /// Puts a record in place if its sequence number is free. An answer that was lost shows as one's
    /// own record in its place, and is success.
    pub(crate) async fn put(&self, record: &Record) -> Result<()> {
        let action = format!("writing ledger record {}", record.seq);
        let bytes = serde_json::to_vec_pretty(record)
            .map_err(|e| IndexError::Storage { action: action.clone(), message: e.to_string() })?;
        let path = StorePath::from(file_name(record.seq));
        let create = PutOptions { mode: PutMode::Create, ..PutOptions::default() };
        match self.store.put_opts(&path, bytes.into(), create).await {
            Ok(_) => Ok(()),
            Err(object_store::Error::AlreadyExists { .. }) => self.judge(record).await,
            Err(error) => match self.get(record.seq).await {
                Ok(found) if judge_occupied(record, &found) == Occupied::Mine => Ok(()),
                _ => Err(store_error(&action)(error)),
            },
        }
    }

    async fn judge(&self, record: &Record) -> Result<()> {
        let found = self.get(record.seq).await?;
        match judge_occupied(record, &found) {
            Occupied::Mine => Ok(()),
            Occupied::Fenced { .. } => Err(IndexError::fenced_by(&found)),
        }
    }

    /// The first record of the epoch of `head`, which began after record `before`: it says since when the
    /// index has been its writer's. Epochs never fall, so that a few looks find it.
    pub(crate) async fn epoch_start(&self, head: Record, before: u64) -> Result<Record> {
        let (mut before, mut first) = (before, head);
        while before + 1 < first.seq {
            let between = self.get(before + (first.seq - before) / 2).await?;
            if between.epoch == first.epoch {
                first = between;
            } else {
                before = between.seq;
            }
        }
        Ok(first)
    }
}

pub(crate) fn store_error(action: &str) -> impl FnOnce(object_store::Error) -> IndexError + use<> {
    let action = action.to_owned();
    move |error| IndexError::Storage { action, message: error.to_string() }
}
