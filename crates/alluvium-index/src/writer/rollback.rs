//! Rolling back: the content of an earlier record under the policy of now, as one new record.
//!
//! The content tables are restored to the record's versions, which is metadata only. Then one commit a
//! table overlays what policy forbids or changed since: only ids whose policy changed since the record
//! are touched. The record is published after the overlay and never before.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::Arc;

use alluvium_core::ledger::{Reason, Record, TableRole};
use alluvium_core::policy::Policy;
use alluvium_core::rollback::{ChangedPolicy, Outcome, decide};
use datafusion_expr::{Expr, col, lit};
use fail::fail_point;
use lance::session::Session;
use serde::Serialize;

use super::erase::blanked;
use super::{Draft, Writer, apply};
use crate::contents::{self, differing};
use crate::error::{IndexError, Result};
use crate::fault::Fault;
use crate::filter::one_of;
use crate::layout::Layout;
use crate::ledger::Ledger;
use crate::located::Located;
use crate::plan::Plan;
use crate::reader::Index;
use crate::releases::Releases;
use crate::rows::{self, DocumentRow, PolicyRow, seq_i64};
use crate::storage;
use crate::tables::Tables;

mod hold;

/// What a rollback is asked to do.
#[derive(Debug, Clone)]
pub struct RollbackOptions {
    /// The record whose content comes back.
    pub to: u64,
    /// Documents that were deleted since come back, too.
    pub restore_deleted: bool,
    /// Sources go on from where they are; what was rolled back is held back until it changes.
    pub keep_offsets: bool,
    /// Ingestion waits for `resume`.
    pub pause: bool,
}

/// What a rollback does, document by document.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RollbackPlan {
    /// The record that was live.
    pub from: u64,
    /// The record whose content comes back.
    pub to: u64,
    /// Served again in the content of then.
    pub restored: Vec<String>,
    /// Not served any more.
    pub removed: Vec<String>,
    /// Deleted since, and still not served.
    pub deletions_kept: Vec<String>,
    /// Erased since, and still not served.
    pub erasures_kept: Vec<String>,
    /// Served under the access list of now instead of the one of then.
    pub permissions_kept: Vec<String>,
    /// Source → documents of it whose content changes.
    pub sources: BTreeMap<String, u64>,
}

/// A rollback that is published.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Rollback {
    /// What it did.
    pub plan: RollbackPlan,
    /// The record that published it.
    pub seq: u64,
    /// Whether ingestion waits for `resume`.
    pub paused: bool,
}

/// Both sides of a rollback, read.
struct Sides {
    then: Record,
    then_tables: Tables,
    outcome: Outcome,
    changed: HashMap<String, PolicyRow>,
}

/// The index as it is now, for whoever looks back from there: a writer, or a reader who may write nothing.
struct Now<'a> {
    layout: &'a Layout,
    ledger: &'a Ledger,
    session: &'a Arc<Session>,
    head: &'a Record,
    tables: &'a Tables,
}

impl Index {
    /// What a rollback of the index at `root` would do. Nothing is written, nor need it be possible.
    pub async fn plan_rollback(&self, root: &Path, options: &RollbackOptions) -> Result<RollbackPlan> {
        let layout = Layout::new(root);
        let ledger = Ledger::open(&layout)?;
        let session = storage::session(root);
        let (head, tables) = (&self.record, &self.tables);
        let now = Now { layout: &layout, ledger: &ledger, session: &session, head, tables };
        Ok(plan_of(head.seq, &now.sides(options).await?))
    }
}

impl Writer {
    pub(crate) async fn rollback(&mut self, options: &RollbackOptions) -> Result<Rollback> {
        let sides = self.sides(options).await?;
        let plan = plan_of(self.head.as_ref().map_or(0, |head| head.seq), &sides);
        let (head, claimed) = self.claimed().await?;
        let seq = head.seq + 1;
        let mut tables = claimed.clone();
        for role in [TableRole::Chunks, TableRole::Documents] {
            let restored = sides.then_tables.get(role)?.restore().await?;
            let restored = claimed.get(role)?.followed_by(restored)?;
            // The record may be from before a column or an index was thought of.
            let restored = Box::pin(restored.with_later_columns(role)).await?;
            tables.set(role, crate::maintain::create_indexes(role, restored).await?);
        }
        fail_point!("rollback::after-restore");
        let overlay = self.overlay(&sides, &claimed, &tables, options, seq).await?;
        apply::apply(&mut tables, overlay, &Located::default(), self.fingerprint.model.dimension).await?;
        let checkpoint = if options.keep_offsets || Fault::RollbackKeepsProgress.is_on() {
            head.checkpoint.clone()
        } else {
            sides.then.checkpoint
        };
        // The release that keeps the record may have been dropped meanwhile, and a vacuum gone over it.
        // Where it is still there, a vacuum from now on finds the restored versions in its place.
        check_kept(&self.layout, &head, options.to).await?;
        let draft = Draft {
            checkpoint,
            paused: options.pause,
            rolled_back_to: Some(options.to),
            ..Draft::over(&head, Reason::Rollback)
        };
        let published = self.publish(&head, tables, draft).await?;
        Ok(Rollback { plan, seq: published.seq, paused: options.pause })
    }

    pub(crate) async fn resume(&mut self) -> Result<Option<u64>> {
        if !self.head.as_ref().is_some_and(|head| head.paused) {
            return Ok(None);
        }
        let (head, tables) = self.claimed().await?;
        let draft = Draft { paused: false, ..Draft::over(&head, Reason::Resume) };
        self.publish(&head, tables, draft).await.map(|published| Some(published.seq))
    }

    pub(super) fn now(&self) -> i64 {
        rows::micros(self.options.clock.now())
    }

    async fn sides(&self, options: &RollbackOptions) -> Result<Sides> {
        let (Some(head), Some(tables)) = (&self.head, self.tables()) else {
            return Err(IndexError::NotFound("nothing has been published yet".to_owned()));
        };
        let Self { layout, ledger, session, .. } = self;
        Now { layout, ledger, session, head, tables: &tables }.sides(options).await
    }

    /// What policy forbids or changed since, as one commit a table over the restored content.
    async fn overlay(
        &self,
        sides: &Sides,
        claimed: &Tables,
        restored: &Tables,
        options: &RollbackOptions,
        seq: u64,
    ) -> Result<Plan> {
        let outcome = &sides.outcome;
        let dropped: Vec<String> = outcome.dropped().cloned().collect();
        // One row a key: a hold says more than what it stands in for.
        let mut documents = by_key(self.dropped_rows(restored, &dropped).await?, |row| &row.doc_id);
        let reopened = hold::reopened(claimed, sides, options.keep_offsets, self.now(), seq).await?;
        let mut quarantine = by_key(reopened, |row| &row.id);
        if options.keep_offsets {
            let held = hold::held([claimed, restored], outcome, options.to, self.now(), seq).await?;
            documents.extend(by_key(held.documents, |row| &row.doc_id));
            quarantine.extend(by_key(held.quarantine, |row| &row.id));
        }
        Ok(Plan {
            remove: dropped,
            relist: outcome.relisted.clone(),
            documents: documents.into_values().collect(),
            policies: [self.revived_rows(sides, seq)?, self.reburied_rows(sides, seq).await?].concat(),
            quarantine: quarantine.into_values().collect(),
            ..Plan::default()
        })
    }

    async fn dropped_rows(&self, restored: &Tables, dropped: &[String]) -> Result<Vec<DocumentRow>> {
        if dropped.is_empty() {
            return Ok(Vec::new());
        }
        let table = restored.get(TableRole::Documents)?;
        let batches = table.rows(None, Some(one_of("doc_id", dropped))).await?;
        let rows: Vec<DocumentRow> = rows::from_batches(table.name(), &batches)?;
        Ok(rows.into_iter().map(blanked).collect())
    }

    fn revived_rows(&self, sides: &Sides, seq: u64) -> Result<Vec<PolicyRow>> {
        let revived = sides.outcome.revived.iter().filter_map(|id| sides.changed.get(id));
        let alive = revived.map(|row| {
            let mut policy = row.policy()?;
            policy.deleted = None;
            Ok(PolicyRow::of(&row.doc_id, &row.source, &policy, seq, self.now()))
        });
        alive.collect()
    }

    /// Policies that take back the tombstone which they had in the record.
    async fn reburied_rows(&self, sides: &Sides, seq: u64) -> Result<Vec<PolicyRow>> {
        let ids = &sides.outcome.reburied;
        if ids.is_empty() || Fault::RollbackForgetsDeletions.is_on() {
            return Ok(Vec::new());
        }
        let table = sides.then_tables.get(TableRole::Policy)?;
        let batches = table.rows(None, Some(one_of("doc_id", ids))).await?;
        let then: Vec<PolicyRow> = rows::from_batches(table.name(), &batches)?;
        let buried = then.iter().filter_map(|then| Some((then, sides.changed.get(&then.doc_id)?)));
        let buried = buried.map(|(then, now)| {
            let policy = Policy { deleted: then.policy()?.deleted, ..now.policy()? };
            Ok(PolicyRow::of(&now.doc_id, &now.source, &policy, seq, self.now()))
        });
        buried.collect()
    }
}

impl Now<'_> {
    async fn sides(&self, options: &RollbackOptions) -> Result<Sides> {
        let missing = |what: String| IndexError::NotFound(what);
        let head = self.head;
        if options.to == head.seq {
            return Err(IndexError::AlreadyLive(head.seq));
        }
        if options.to > 0 {
            check_kept(self.layout, head, options.to).await?;
        }
        let then = if options.to > head.seq { None } else { self.ledger.find(options.to).await? };
        let then = then.ok_or_else(|| missing(format!("the ledger holds no record {}", options.to)))?;
        if then.generation != head.generation {
            return Err(missing(format!(
                "record {} is of generation {}, the live one is {}: a rollback stays within a generation",
                then.seq, then.generation, head.generation
            )));
        }
        let then_tables = Tables::open(self.layout, &then, self.session).await?;
        let mut changed = changed_since(self.tables, then.seq).await?;
        if Fault::RollbackForgetsPolicy.is_on() {
            changed.clear();
        }
        let policies = with_lists(&then_tables, &changed).await?;
        let also: Vec<&str> = changed.keys().map(String::as_str).collect();
        let [before, after] = differing(&then_tables, self.tables, &also).await?;
        let outcome = decide(then.seq, &before, &after, &policies, options.restore_deleted);
        Ok(Sides { then, then_tables, outcome, changed })
    }
}

/// Refuses a record that a vacuum took, or may take at any moment.
async fn check_kept(layout: &Layout, head: &Record, seq: u64) -> Result<()> {
    let floor = head.floor();
    if seq >= floor || Releases::open(layout.root())?.named_records(None).await?.contains(&seq) {
        return Ok(());
    }
    Err(IndexError::vacuumed(seq, floor))
}

fn by_key<R>(rows: Vec<R>, key: impl Fn(&R) -> &String) -> BTreeMap<String, R> {
    rows.into_iter().map(|row| (key(&row).clone(), row)).collect()
}

fn plan_of(from: u64, sides: &Sides) -> RollbackPlan {
    let outcome = &sides.outcome;
    let mut sources = BTreeMap::new();
    for id in outcome.restored.iter().chain(&outcome.removed) {
        let source = id.split_once('/').map_or(id.as_str(), |(source, _)| source);
        *sources.entry(source.to_owned()).or_default() += 1;
    }
    RollbackPlan {
        from,
        to: sides.then.seq,
        restored: outcome.restored.clone(),
        removed: outcome.removed.clone(),
        deletions_kept: outcome.deletions_kept.clone(),
        erasures_kept: outcome.erasures_kept.clone(),
        permissions_kept: outcome.relisted.iter().map(|(id, _)| id.clone()).collect(),
        sources,
    }
}

/// The policies that changed after a record. A claim's records change none.
async fn changed_since(now: &Tables, seq: u64) -> Result<HashMap<String, PolicyRow>> {
    let table = now.get(TableRole::Policy)?;
    let since: Expr = col("changed_seq").gt(lit(seq_i64(seq)));
    let rows: Vec<PolicyRow> = rows::from_batches(table.name(), &table.rows(None, Some(since)).await?)?;
    Ok(rows.into_iter().map(|row| (row.doc_id.clone(), row)).collect())
}

/// The same, compared with the lists that the record's rows carry.
async fn with_lists(
    then: &Tables,
    changed: &HashMap<String, PolicyRow>,
) -> Result<HashMap<String, ChangedPolicy>> {
    let mut lists = HashMap::new();
    if !changed.is_empty() {
        let table = then.get(TableRole::Policy)?;
        let ids: Vec<&str> = changed.keys().map(String::as_str).collect();
        let batches = table.rows(Some(&contents::LISTS), Some(one_of("doc_id", &ids))).await?;
        lists = contents::lists(table, &batches)?;
    }
    let with_list = |(id, row): (&String, &PolicyRow)| {
        let same_list = lists.get(id) == Some(&row.acl_hash);
        Ok((id.clone(), ChangedPolicy { policy: row.policy()?, same_list }))
    };
    changed.iter().map(with_list).collect()
}
