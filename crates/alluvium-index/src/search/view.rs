//! What all searches of one [`Index`](crate::Index) share.

use std::path::Path;
use std::sync::Arc;

use tokio::sync::OnceCell;

use crate::error::Result;
use crate::table::{Table, open_error};
use crate::tuning::Tuning;

/// The table as LanceDB's client has it, opened at the first search; and what hits are checked against.
#[derive(Debug, Clone, Default)]
pub(crate) struct View {
    client: Arc<OnceCell<lancedb::Table>>,
    policy: Option<Table>,
    tuning: Tuning,
}

impl View {
    /// `chunks` as any LanceDB client opens it, at the very version of the record. It shares the session
    /// of `chunks`, and with it the caches of indexes and metadata.
    pub(crate) async fn client(&self, chunks: &Table) -> Result<&lancedb::Table> {
        // Boxed: opening nests deep, and so do the callers of a search.
        let client = self.client.get_or_try_init(|| Box::pin(open(chunks))).await;
        client.map_err(|e| open_error(chunks.name(), chunks.version(), e))
    }

    /// The policy that is newer than the record's own, if there is one.
    pub(crate) fn policy(&self) -> Option<&Table> {
        self.policy.as_ref()
    }

    pub(crate) fn set_policy(&mut self, policy: Table) {
        self.policy = Some(policy);
    }

    pub(crate) fn tuning(&self) -> &Tuning {
        &self.tuning
    }

    pub(crate) fn set_tuning(&mut self, tuning: Tuning) {
        self.tuning = tuning;
    }
}

async fn open(chunks: &Table) -> lancedb::Result<lancedb::Table> {
    let folder = Path::new(chunks.dataset().uri()).parent();
    let folder = folder.map(|p| p.to_string_lossy().into_owned()).unwrap_or_default();
    let connection = lancedb::connect(&folder).session(chunks.dataset().session()).execute().await?;
    connection.open_table(chunks.name()).version(chunks.version()).execute().await
}
