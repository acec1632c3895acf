//! What a person does to an index, whoever else is writing it: roll back, resume, erase, and decide over
//! what is quarantined.
//!
//! An intervention is a writer of its own for one publish. It takes the turn instead of the writer's
//! lock, claims (which fences a running daemon or backfill), makes its change and publishes it as one
//! record. A daemon notices the record and starts over from it; a backfill ends, fenced.

use std::path::Path;
use std::time::Duration;

use alluvium_core::id::{DocId, PipelineName};

use crate::error::{IndexError, Result};
use crate::writer::{Options, Rollback, RollbackOptions, Writer};

/// How often a busy writer may publish between our look at the ledger and our claim.
const ATTEMPTS: u32 = 20;
const PAUSE: Duration = Duration::from_millis(50);

/// One intervention.
pub struct Intervention {
    writer: Writer,
}

/// Claims anew and tries again while a running writer gets its record in first.
macro_rules! attempt {
    ($self:ident, $call:expr) => {{
        let mut attempt = 1;
        loop {
            // Boxed: a commit's future is large, and callers nest it deep.
            match Box::pin($call).await {
                Err(IndexError::Fenced(_)) if attempt < ATTEMPTS => {
                    tokio::time::sleep(PAUSE).await;
                    $self.writer.renew().await?;
                }
                result => break result,
            }
            attempt += 1;
        }
    }};
}

impl Intervention {
    /// Takes the turn. The index must be there and be this pipeline's; its model does not matter.
    pub async fn open(root: &Path, pipeline: &PipelineName, options: Options) -> Result<Self> {
        Ok(Self { writer: Box::pin(Writer::intervene(root, pipeline, options)).await? })
    }

    /// Puts the content of an earlier record back in service, under the permissions of now.
    pub async fn rollback(&mut self, options: &RollbackOptions) -> Result<Rollback> {
        attempt!(self, self.writer.rollback(options))
    }

    /// Lets ingestion go on; `None` where it was not paused.
    pub async fn resume(&mut self) -> Result<Option<u64>> {
        attempt!(self, self.writer.resume())
    }

    /// Takes a document out of service for good, and refuses its id from now on.
    pub async fn erase(&mut self, document: &DocId) -> Result<u64> {
        attempt!(self, self.writer.erase(document))
    }

    /// Takes changes of an erased id again. What was erased does not come back by itself.
    pub async fn unerase(&mut self, document: &DocId) -> Result<u64> {
        attempt!(self, self.writer.unerase(document))
    }

    /// Has refused changes tried again by whoever reads their source next: one, or all that wait.
    pub async fn retry(&mut self, item: Option<&str>) -> Result<Vec<String>> {
        attempt!(self, self.writer.retry(item))
    }

    /// Does without a refused change for good.
    pub async fn drop_item(&mut self, item: &str) -> Result<()> {
        attempt!(self, self.writer.drop_item(item))
    }
}
