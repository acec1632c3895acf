//! Maintenance between commits. Each round is a record of its own, and a bounded pause: a vector index is
//! trained beside the commits, and a round takes it on once it is built.

use alluvium_core::checkpoint::Checkpoint;
use alluvium_core::ledger::{Reason, Record, TableRole};
use futures::future::join_all;

use super::{Draft, Writer};
use crate::error::Result;
use crate::fault::Fault;
use crate::maintain::{self, Effort, Training};
use crate::storage;
use crate::tables::Tables;
use crate::task;

/// How long maintenance may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Patience {
    /// A bounded pause between commits.
    Bounded,
    /// There is nothing else to do: a vector index that is wanted is waited for.
    UntilTrained,
}

impl Writer {
    pub(super) async fn try_maintain(&mut self, patience: Patience) -> Result<()> {
        self.renew_session().await?;
        self.train_if_wanted().await?;
        self.take_on_trained(patience).await?;
        let Some(tables) = self.tables() else { return Ok(()) };
        let due = maintain::due(&tables, &self.tuning, |role| self.effort(role)).await?;
        if !due.is_empty() {
            Box::pin(self.maintain_tables(&due)).await?;
        }
        if self.training.is_some() {
            // It reads a version that nothing else may need.
            return Ok(());
        }
        Box::pin(self.vacuum_if_due()).await
    }

    /// Opens the tables anew, with empty caches. Those of a session keep what no version has any more until
    /// something else pushes it out, and a daemon of months would be full of that.
    async fn renew_session(&mut self) -> Result<()> {
        let due = self.session_since.saturating_add(self.tuning.session_records);
        let Some(head) = self.head.as_ref().filter(|head| head.seq >= due) else { return Ok(()) };
        self.session_since = head.seq;
        let session = storage::session(self.layout.root());
        self.set_tables(Tables::open(&self.layout, head, &session).await?);
        self.session = session;
        Ok(())
    }

    /// Maintains these tables side by side, as one record. All are waited for, whatever becomes of the
    /// others, so that nothing is written after the round has failed.
    pub(super) async fn maintain_tables(&mut self, due: &[(TableRole, Effort)]) -> Result<()> {
        let (head, mut tables) = self.claimed().await?;
        let mut rounds = Vec::new();
        for (role, effort) in due.iter().copied() {
            let (table, tuning) = (tables.get(role)?.clone(), self.tuning);
            let round = task::beside(format!("maintaining table {}", table.name()), async move {
                maintain::maintain(role, &table, &tuning, effort).await
            });
            rounds.push(async move { (role, round.await) });
        }
        for (role, maintained) in join_all(rounds).await {
            tables.set(role, maintained?);
        }
        self.publish_round(&head, tables).await
    }

    async fn publish_round(&mut self, head: &Record, tables: Tables) -> Result<()> {
        let mut draft = Draft::over(head, Reason::Maintenance);
        if Fault::MaintenanceLosesProgress.is_on() {
            draft.checkpoint = Checkpoint::default();
        }
        self.publish(head, tables, draft).await.map(drop)
    }

    fn effort(&self, role: TableRole) -> Effort {
        match (role, &self.training) {
            (TableRole::Chunks, Some(_)) => Effort::BesideTraining,
            _ => Effort::Bounded,
        }
    }

    /// Begins to train a vector index where there are enough rows for one, or enough new ones.
    async fn train_if_wanted(&mut self) -> Result<()> {
        let Some(tables) = self.tables().filter(|_| self.training.is_none()) else { return Ok(()) };
        let chunks = tables.get(TableRole::Chunks)?;
        if maintain::wants_training(chunks, &self.tuning).await? {
            // What is built over a version that a claim is about to restore would be lost with it.
            let (_, tables) = self.claimed().await?;
            self.training = Some(Training::start(tables.get(TableRole::Chunks)?));
        }
        Ok(())
    }

    /// Publishes the vector index once it is built.
    pub(super) async fn take_on_trained(&mut self, patience: Patience) -> Result<()> {
        let is_due = |training: &mut Training| patience == Patience::UntilTrained || training.is_over();
        let Some(training) = self.training.take_if(is_due) else { return Ok(()) };
        let built = training.end().await?;
        let (head, mut tables) = self.claimed().await?;
        let chunks = tables.get(TableRole::Chunks)?.with_index(built).await?;
        tables.set(TableRole::Chunks, chunks);
        self.publish_round(&head, tables).await
    }
}
