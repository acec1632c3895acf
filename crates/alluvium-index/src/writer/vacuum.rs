//! Vacuum in the committer: the floor rises with a record, and what is below it goes.

use std::time::Instant;

use alluvium_core::ledger::{Reason, Record};
use fail::fail_point;

use super::{Draft, Writer};
use crate::error::{ErrorKind, Result};
use crate::vacuum::{self, Sweep, Swept};

impl Writer {
    /// A round, if enough fell out of retention. It is looked at once in as many records as make a round
    /// due, not after each commit.
    pub(super) async fn vacuum_if_due(&mut self) -> Result<()> {
        let Some(head) = self.head.as_ref() else { return Ok(()) };
        if head.seq < self.vacuum_looked.saturating_add(self.tuning.vacuum_records) {
            return Ok(());
        }
        self.vacuum_looked = head.seq;
        let now = self.options.clock.now();
        if !vacuum::due(&self.ledger, head, &self.options.retention, now, &self.tuning).await? {
            return Ok(());
        }
        let (most, since) = (vacuum::most(head, &self.tuning), Instant::now());
        self.raise_floor(most).await?;
        match self.sweep(most).await {
            Ok(swept) => {
                let versions: u64 = swept.tables.values().map(|removed| removed.versions).sum();
                let milliseconds = since.elapsed().as_millis() as u64;
                tracing::debug!(records = swept.records, versions, milliseconds, "vacuumed");
                Ok(())
            }
            Err(error) if error.kind() == ErrorKind::Fenced => Err(error),
            // What is published stands; what is left over goes with the next round.
            Err(error) => {
                tracing::warn!(%error, "a vacuum was not finished; the next one goes on");
                Ok(())
            }
        }
    }

    /// Whether retention asks for a higher floor.
    pub(super) async fn can_raise_floor(&self) -> Result<bool> {
        match &self.head {
            Some(head) => Ok(self.floor_over(head, u64::MAX).await? > head.floor()),
            None => Ok(false),
        }
    }

    async fn floor_over(&self, head: &Record, most: u64) -> Result<u64> {
        let now = self.options.clock.now();
        vacuum::floor(&self.ledger, head, &self.options.retention, now, most).await
    }

    /// Publishes the floor that retention asks for, at most so many records higher. Nothing is claimed or
    /// published where it stays.
    pub(super) async fn raise_floor(&mut self, most: u64) -> Result<bool> {
        let Some(head) = self.head.as_ref() else { return Ok(false) };
        let floor = self.floor_over(head, most).await?;
        if floor <= head.floor() {
            return Ok(false);
        }
        let (head, tables) = self.claimed().await?;
        fail_point!("vacuum::before-record");
        let draft = Draft { floor, ..Draft::over(&head, Reason::Vacuum) };
        self.publish(&head, tables, draft).await?;
        fail_point!("vacuum::after-record");
        Ok(true)
    }

    /// Takes away what no kept record names.
    pub(super) async fn sweep(&self, most: u64) -> Result<Swept> {
        match &self.head {
            Some(head) => Sweep::of(&self.layout, &self.ledger, &self.session, head).await?.run(most).await,
            None => Ok(Swept::default()),
        }
    }

    /// Whether anything is on storage that no kept record names.
    pub(super) async fn has_leftovers(&self) -> Result<bool> {
        match &self.head {
            Some(head) => Sweep::of(&self.layout, &self.ledger, &self.session, head).await?.needed().await,
            None => Ok(false),
        }
    }
}
