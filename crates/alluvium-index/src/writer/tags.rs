//! The tag `live`, which plain LanceDB clients follow.
//!
//! A tag comes after the record and is no part of it: one that can't be moved does not undo a publish. It
//! is moved with the next publish, and whenever a writer looks at the newest record, so that the tag which
//! a crash left behind is mended by the next run, also by one that finds nothing to do.

use futures::future::try_join_all;

use super::Writer;
use crate::error::Result;
use crate::fault::Fault;
use crate::table::Table;
use crate::tables::Tables;

impl Writer {
    /// Moves the tags to the tables of the newest record that this writer knows.
    pub(super) async fn tag_head(&self) {
        if let Err(error) = Box::pin(self.try_tag()).await {
            tracing::warn!(%error, "plain LanceDB clients stay behind: the tag of the live tables can't be moved");
        }
    }

    /// To those of a newer record, where somebody has published since.
    async fn try_tag(&self) -> Result<()> {
        let (Some(head), Some(mut tables)) = (&self.head, self.tables()) else { return Ok(()) };
        let mut seq = head.seq;
        while !Fault::TagStaysBehind.is_on() {
            try_join_all(tables.iter().map(Table::tag_live)).await?;
            if !self.ledger.holds(seq + 1).await? {
                return Ok(());
            }
            let Some(newer) = self.ledger.head().await?.filter(|newer| !newer.tables.is_empty()) else {
                return Ok(());
            };
            tables = Tables::open(&self.layout, &newer, &self.session).await?;
            seq = newer.seq;
        }
        Ok(())
    }
}
