//! Claiming an index: announce an epoch, restore every table, publish the result.
//!
//! The restore discards what a crash left behind the last record, and makes the late commit of a paused
//! predecessor conflict: Lance refuses a stale update over an intervening restore. It is done always,
//! also where a table looks clean, because a predecessor may be about to commit.

use std::collections::BTreeMap;
use std::sync::Arc;

use alluvium_core::fingerprint::GenerationFingerprint;
use alluvium_core::id::{Generation, PipelineName};
use alluvium_core::ledger::{Reason, Record, SCHEMA, TableRole, Writer as WriterId};
use arrow_array::RecordBatch;
use fail::fail_point;
use jiff::Timestamp;
use lance::session::Session;

use crate::error::{IndexError, Result};
use crate::fault::Fault;
use crate::layout::Layout;
use crate::ledger::Ledger;
use crate::manifests::Manifests;
use crate::schema::schema;
use crate::storage::{self, Durability};
use crate::table::Table;
use crate::tables::Tables;

/// What a claim needs to know.
pub(crate) struct Claim<'a> {
    pub(crate) layout: &'a Layout,
    pub(crate) ledger: &'a Ledger,
    pub(crate) session: &'a Arc<Session>,
    pub(crate) writer: &'a WriterId,
    pub(crate) pipeline: &'a PipelineName,
    pub(crate) fingerprint: &'a GenerationFingerprint,
    pub(crate) generation: &'a Generation,
    pub(crate) durability: Durability,
    pub(crate) now: Timestamp,
}

impl Claim<'_> {
    /// Claims the index over its head, and returns the record and the tables to build on.
    pub(crate) async fn run(&self, head: Option<&Record>) -> Result<(Record, Tables)> {
        let announced = self.announcement(head);
        fail_point!("claim::before-announce");
        self.ledger.put(&announced).await?;
        fail_point!("claim::after-announce");
        let tables = self.restore_all(head, announced.seq).await?;
        storage::sync(self.layout.root(), self.durability).await?;
        let record = Record {
            seq: announced.seq + 1,
            reason: Reason::Restore,
            tables: tables.versions(self.generation),
            ..announced
        };
        fail_point!("claim::before-record");
        self.ledger.put(&record).await?;
        fail_point!("claim::after-record");
        Ok((record, tables))
    }

    fn announcement(&self, head: Option<&Record>) -> Record {
        Record {
            schema: SCHEMA.to_owned(),
            seq: head.map_or(1, |h| h.seq + 1),
            epoch: head.map_or(1, |h| h.epoch + 1),
            writer: self.writer.clone(),
            reason: Reason::Claim,
            created_at: self.now,
            pipeline: self.pipeline.clone(),
            generation: self.generation.clone(),
            fingerprint: self.fingerprint.clone(),
            tables: head.map_or_else(BTreeMap::new, |h| h.tables.clone()),
            checkpoint: head.map_or_else(Default::default, |h| h.checkpoint.clone()),
            paused: head.is_some_and(|h| h.paused),
            rolled_back_to: None,
            floor: head.map_or(0, |h| h.floor),
        }
    }

    async fn restore_all(&self, head: Option<&Record>, announced: u64) -> Result<Tables> {
        let mut by_role = BTreeMap::new();
        for role in TableRole::ALL {
            self.refuse_late(announced).await?;
            let name = role.table(self.generation);
            let version = head.and_then(|h| h.tables.get(&name)).copied();
            let table = self.restore(role, &name, version).await?;
            fail_point!("claim::between-restores");
            by_role.insert(role, table);
        }
        Ok(Tables::new(by_role))
    }

    /// A restore beats every commit. One who was stopped here while somebody else claimed must not undo
    /// their work; one who gets past this look makes them claim anew, no more.
    async fn refuse_late(&self, announced: u64) -> Result<()> {
        if !self.ledger.holds(announced + 1).await? {
            return Ok(());
        }
        Err(IndexError::fenced_by(&self.ledger.get(announced + 1).await?))
    }

    async fn restore(&self, role: TableRole, name: &str, version: Option<u64>) -> Result<Table> {
        let path = self.layout.table(name);
        let table = match version {
            Some(version) => {
                Manifests::of(name, &path)?.drop_torn(version).await?;
                let found = Table::open(name, &path, version, self.session.clone()).await?;
                let table = if skips_restore(role) { found } else { found.restore().await? };
                // Boxed: a commit's future is large.
                Box::pin(table.with_later_columns(role)).await?
            }
            None => {
                let empty = RecordBatch::new_empty(Arc::new(schema(role, self.fingerprint.model.dimension)));
                Table::create(name, &path, empty, self.session.clone()).await?
            }
        };
        // A restored version may be from before an index was thought of.
        crate::maintain::create_indexes(role, table).await
    }
}

/// Never, but for what tests seed.
fn skips_restore(role: TableRole) -> bool {
    Fault::ClaimSkipsRestore.is_on() || (role == TableRole::Policy && Fault::ClaimSkipsOneRestore.is_on())
}

/// Refuses an index that is another pipeline's or another generation's.
pub(crate) fn check_owner(
    layout: &Layout,
    head: &Record,
    pipeline: &PipelineName,
    fingerprint: &GenerationFingerprint,
    generation: &Generation,
) -> Result<()> {
    let root = layout.root().display().to_string();
    if head.pipeline != *pipeline {
        return Err(IndexError::OtherPipeline {
            root,
            found: head.pipeline.to_string(),
            expected: pipeline.to_string(),
        });
    }
    if head.generation != *generation {
        return Err(IndexError::OtherGeneration {
            root,
            found: head.generation.to_string(),
            found_is: head.fingerprint.describe(),
            expected: generation.to_string(),
            expected_is: fingerprint.describe(),
        });
    }
    Ok(())
}
