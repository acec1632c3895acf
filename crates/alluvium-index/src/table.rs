//! One Lance table at one exact version, and the few things we do with it.
//!
//! Invariants:
//! - a table is never opened at "latest" to be read or written: the ledger says which version;
//! - rows are replaced in one Lance commit (deletion vectors and new fragments together), so that no
//!   reader sees a hole or a mixture;
//! - a commit's result must be exactly base + 1. Lance rebases over other writers silently; we don't;
//! - row addresses, not stable row ids: with those an access index can answer with old lists.

use std::collections::{HashMap, HashSet};
use std::error::Error;
use std::path::Path;
use std::sync::Arc;

use alluvium_core::ledger::TableRole;
use arrow_array::RecordBatch;
use arrow_schema::{FieldRef, Schema};
use datafusion_expr::Expr;
use futures::{FutureExt, TryStreamExt};
use lance::Dataset;
use lance::dataset::builder::DatasetBuilder;
use lance::dataset::cleanup::CleanupPolicyBuilder;
use lance::dataset::scanner::Scanner;
use lance::dataset::transaction::{Operation, Transaction};
use lance::dataset::{CommitBuilder, InsertBuilder, NewColumnTransform, WriteMode, WriteParams};
use lance::index::DatasetIndexExt;
use lance::session::Session;
use lance_table::format::IndexMetadata;

use crate::error::{IndexError, Result, by_the_system, said};
use crate::manifests::Manifests;
use crate::rows::addresses;
use crate::schema::{field_refs, later_columns, schema};
use crate::storage;
use crate::vacuum::Removed;

mod replace;
mod unlike;

pub(crate) use replace::Staged;

/// The tag that plain LanceDB clients follow.
pub(crate) const LIVE: &str = "live";

/// A table at a version.
#[derive(Debug, Clone)]
pub(crate) struct Table {
    name: String,
    dataset: Arc<Dataset>,
}

impl Table {
    /// Opens the version that the ledger names.
    pub(crate) async fn open(name: &str, path: &Path, version: u64, session: Arc<Session>) -> Result<Self> {
        Manifests::of(name, path)?.check(version).await?;
        let (uri, store) = storage::table_place(path);
        let builder = DatasetBuilder::from_uri(uri).with_store_params(store);
        let builder = builder.with_version(version).with_session(session);
        let dataset = builder.load().await.map_err(|e| open_error(name, version, e))?;
        Ok(Self { name: name.to_owned(), dataset: Arc::new(dataset) })
    }

    /// Creates an empty table, over whatever a crash may have left under its name.
    pub(crate) async fn create(
        name: &str,
        path: &Path,
        empty: RecordBatch,
        session: Arc<Session>,
    ) -> Result<Self> {
        let (uri, store) = storage::table_place(path);
        let left = Manifests::of(name, path)?.drop_torn(0).await?;
        let mode = if left { WriteMode::Overwrite } else { WriteMode::Create };
        let params =
            WriteParams { mode, session: Some(session), store_params: Some(store), ..write_params() };
        let dataset = InsertBuilder::new(uri.as_str())
            .with_params(&params)
            .execute(vec![empty])
            .await
            .map_err(IndexError::storage(format!("creating table {name}")))?;
        Ok(Self { name: name.to_owned(), dataset: Arc::new(dataset) })
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn version(&self) -> u64 {
        self.dataset.version().version
    }

    /// Refuses a table whose columns are not those that this program writes, or those that a version before it
    /// wrote.
    pub(crate) fn check_columns(&self, role: TableRole, dimension: usize) -> Result<()> {
        let found: Vec<&str> = self.dataset.schema().fields.iter().map(|f| f.name.as_str()).collect();
        let expected = schema(role, dimension);
        let expected: Vec<&str> = expected.fields().iter().map(|f| f.name().as_str()).collect();
        let first = expected.len().saturating_sub(later_columns(role).len());
        if found.len() >= first && expected.starts_with(&found) {
            return Ok(());
        }
        let message = "was written by another version of alluvium, which has other columns".to_owned();
        Err(IndexError::Shape { table: self.name.clone(), message })
    }

    /// The same table with the columns that it lacks because a version before this one made it, all null. That
    /// changes the manifest alone, and is one commit.
    pub(crate) async fn with_later_columns(self, role: TableRole) -> Result<Self> {
        let has = |name: &str| self.dataset.schema().field(name).is_some();
        let fields = field_refs(role, 0);
        let lacking: Vec<FieldRef> = fields
            .into_iter()
            .filter(|field| later_columns(role).contains(&field.name().as_str()) && !has(field.name()))
            .collect();
        if lacking.is_empty() {
            return Ok(self);
        }
        let action = format!("adding columns to table {}", self.name);
        let nulls = NewColumnTransform::AllNulls(Arc::new(Schema::new(lacking)));
        let mut dataset = (*self.dataset).clone();
        dataset.add_columns(nulls, None, None).boxed().await.map_err(IndexError::storage(action))?;
        self.followed_by(self.at(dataset))
    }

    pub(crate) fn dataset(&self) -> &Arc<Dataset> {
        &self.dataset
    }

    /// The same table as another dataset handle of ours sees it.
    pub(crate) fn at(&self, dataset: Dataset) -> Self {
        Self { name: self.name.clone(), dataset: Arc::new(dataset) }
    }

    /// Makes this version the newest again: discards what a crash left, and fences late commits.
    pub(crate) async fn restore(&self) -> Result<Self> {
        let mut dataset = (*self.dataset).clone();
        let action = format!("restoring table {} to version {}", self.name, self.version());
        dataset.restore().await.map_err(IndexError::storage(action))?;
        Ok(self.at(dataset))
    }

    /// Rows that match `filter`, some or all columns of them.
    pub(crate) async fn rows(
        &self,
        columns: Option<&[&str]>,
        filter: Option<Expr>,
    ) -> Result<Vec<RecordBatch>> {
        let mut scan = self.dataset.scan();
        if let Some(filter) = filter {
            scan.filter_expr(filter);
        }
        self.collect(scan, columns).await
    }

    /// Rows that match `filter`, each with its address ([`crate::rows::addresses`]).
    pub(crate) async fn located_rows(
        &self,
        columns: Option<&[&str]>,
        filter: Expr,
    ) -> Result<Vec<RecordBatch>> {
        if self.dataset.count_fragments() == 0 {
            return Ok(Vec::new());
        }
        let mut scan = self.dataset.scan();
        scan.filter_expr(filter).with_row_id();
        self.collect(scan, columns).await
    }

    /// The addresses of rows that match `filter`.
    pub(crate) async fn addresses(&self, filter: Expr) -> Result<Vec<u64>> {
        addresses(&self.name, &self.located_rows(Some(&[]), filter).await?)
    }

    async fn collect(&self, mut scan: Scanner, columns: Option<&[&str]>) -> Result<Vec<RecordBatch>> {
        let action = || format!("reading table {}", self.name);
        if let Some(columns) = columns {
            scan.project(columns).map_err(IndexError::storage(action()))?;
        }
        let stream = scan.try_into_stream().await.map_err(IndexError::storage(action()))?;
        stream.try_collect().await.map_err(IndexError::storage(action()))
    }

    /// How many rows match.
    pub(crate) async fn count(&self, filter: Option<Expr>) -> Result<u64> {
        let mut scan = self.dataset.scan();
        if let Some(filter) = filter {
            scan.filter_expr(filter);
        }
        let action = format!("counting rows of table {}", self.name);
        scan.empty_project().map_err(IndexError::storage(action.clone()))?.with_row_id();
        scan.count_rows().await.map_err(IndexError::storage(action))
    }

    /// How many rows there are; the manifest knows.
    pub(crate) async fn row_count(&self) -> Result<u64> {
        let action = format!("counting rows of table {}", self.name);
        let rows = self.dataset.count_rows(None).await.map_err(IndexError::storage(action))?;
        Ok(rows as u64)
    }

    /// Takes on an index that was built over an earlier version, in place of those of its name. A conflict
    /// is whatever happened since then that it can't answer for.
    pub(crate) async fn with_index(&self, built: IndexMetadata) -> Result<Self> {
        let action = format!("listing indexes of table {}", self.name);
        let present = self.dataset.load_indices().await.map_err(IndexError::storage(action))?;
        let removed_indices = present.iter().filter(|index| index.name == built.name).cloned().collect();
        let read = built.dataset_version;
        let operation = Operation::CreateIndex { new_indices: vec![built], removed_indices };
        self.commit(Transaction::new(read, operation, None), self.committer()).await
    }

    fn committer(&self) -> CommitBuilder<'static> {
        CommitBuilder::new(self.dataset.clone()).with_max_retries(0).with_skip_auto_cleanup(true)
    }

    async fn commit(&self, transaction: Transaction, committer: CommitBuilder<'static>) -> Result<Self> {
        let base = self.version();
        let action = format!("committing to table {}", self.name);
        let dataset = committer.execute(transaction).await.map_err(IndexError::storage(action))?;
        self.expect_next(base, self.at(dataset))
    }

    /// `next` as the table that follows this one, which it must be by exactly one version.
    pub(crate) fn followed_by(&self, next: Self) -> Result<Self> {
        self.expect_next(self.version(), next)
    }

    /// Anything but base + 1 means that somebody else wrote to the table.
    fn expect_next(&self, base: u64, next: Self) -> Result<Self> {
        if next.version() == base + 1 {
            return Ok(next);
        }
        let (name, found) = (&self.name, next.version());
        Err(IndexError::Fenced(format!("table {name} went from version {base} to {found} under our commit")))
    }

    /// The versions that are on storage, oldest first.
    pub(crate) async fn versions(&self) -> Result<Vec<u64>> {
        let action = format!("listing versions of table {}", self.name);
        let versions = self.dataset.version_refs().await.map_err(IndexError::storage(action))?;
        Ok(versions.into_iter().map(|version| version.version).collect())
    }

    /// The versions that have a tag, whoever gave it.
    pub(crate) async fn tagged_versions(&self) -> Result<HashSet<u64>> {
        let action = format!("listing tags of table {}", self.name);
        let tags = self.dataset.tags().list().await.map_err(IndexError::storage(action))?;
        Ok(tags.into_values().map(|tag| tag.version).collect())
    }

    /// Removes exactly these versions, which must be older than this one, and the files that only they
    /// need. A file that no version on storage names is left for a week: a commit may be in flight.
    pub(crate) async fn remove_versions(&self, versions: Vec<u64>) -> Result<Removed> {
        let action = || format!("removing old versions of table {}", self.name);
        let policy = CleanupPolicyBuilder::default()
            .versions(versions)
            .map_err(IndexError::storage(action()))?
            .error_if_tagged_old_versions(false)
            .build();
        let stats = self.dataset.cleanup_with_policy(policy).await.map_err(IndexError::storage(action()))?;
        Ok(Removed { versions: stats.old_versions, bytes: stats.bytes_removed, failed: stats.failed_deletes })
    }

    /// Moves the tag that plain LanceDB clients follow to this version.
    pub(crate) async fn tag_live(&self) -> Result<()> {
        let action = format!("moving the tag {LIVE:?} of table {}", self.name);
        let tags = self.dataset.tags();
        let list: HashMap<_, _> = match tags.list().await {
            // A tag that can't be read says nothing that the ledger does not say.
            Err(error) if !by_the_system(&error) => {
                tags.delete(LIVE).await.map_err(IndexError::storage(action.clone()))?;
                HashMap::new()
            }
            listed => listed.map_err(IndexError::storage(action.clone()))?,
        };
        let moved = match list.get(LIVE) {
            Some(tag) if tag.version == self.version() => Ok(()),
            Some(_) => tags.update(LIVE, self.version()).await,
            None => tags.create(LIVE, self.version()).await,
        };
        moved.map_err(IndexError::storage(action))
    }
}

/// A version that can't be opened is a broken index, unless the system says otherwise: that may pass.
fn open_error<E: Error + 'static>(name: &str, version: u64, error: E) -> IndexError {
    if by_the_system(&error) {
        return IndexError::storage(format!("opening table {name} at version {version}"))(error);
    }
    IndexError::MissingVersion { table: name.to_owned(), version, message: said(&error) }
}

fn write_params() -> WriteParams {
    WriteParams {
        enable_stable_row_ids: false,
        auto_cleanup: None,
        skip_auto_cleanup: true,
        ..WriteParams::default()
    }
}
