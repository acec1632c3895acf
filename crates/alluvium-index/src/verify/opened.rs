//! The tables of the newest record: there, at exactly its versions, and under the tag.

use std::collections::BTreeMap;
use std::time::Duration;

use alluvium_core::ledger::{Record, TableRole};

use super::findings::{Check, Sink};
use crate::error::{IndexError, Result};
use crate::layout::Layout;
use crate::ledger::Ledger;
use crate::storage;
use crate::table::{LIVE, Table};
use crate::tables::Tables;

/// A writer moves the tags right after its record: this often and this long they are waited for.
const LOOKS: u32 = 10;
const BETWEEN_LOOKS: Duration = Duration::from_millis(50);

/// Opens them all; `None` where there are none yet, or where one is not as it must be.
pub(super) async fn open(layout: &Layout, ledger: &Ledger, head: &Record, sink: &mut Sink) -> Option<Tables> {
    if head.tables.is_empty() {
        return None;
    }
    let session = storage::session(layout.root());
    let mut by_role = BTreeMap::new();
    for role in TableRole::ALL {
        let name = role.table(&head.generation);
        let opened = async {
            let version = head.tables.get(&name).copied().ok_or_else(|| IndexError::Shape {
                table: name.clone(),
                message: format!("ledger record {} names no version of it", head.seq),
            })?;
            let table = Table::open(&name, &layout.table(&name), version, session.clone()).await?;
            table.check_columns(role, head.fingerprint.model.dimension)?;
            Ok::<_, IndexError>(table)
        };
        match opened.await {
            Ok(table) => drop(by_role.insert(role, table)),
            Err(error) => sink.add(Check::TableUnreadable, &name, error),
        }
    }
    let complete = by_role.len() == TableRole::ALL.len();
    let tables = Tables::new(by_role);
    if let Err(error) = tags(ledger, head, &tables, sink).await {
        sink.add(Check::TableUnreadable, "tags", error);
    }
    complete.then_some(tables)
}

async fn tags(ledger: &Ledger, head: &Record, tables: &Tables, sink: &mut Sink) -> Result<()> {
    let mut looks = 0;
    for table in tables.iter() {
        loop {
            let live = live(table).await?;
            // With a newer record the tags are on their way to that one.
            if live == Some(table.version()) || ledger.holds(head.seq + 1).await? {
                break;
            }
            looks += 1;
            if looks >= LOOKS {
                let at = live.map_or_else(|| "not there".to_owned(), |at| format!("at version {at}"));
                let detail = format!("the tag {LIVE:?} is {at}, the newest record at {}", table.version());
                sink.add(Check::TagBehind, table.name(), detail);
                break;
            }
            tokio::time::sleep(BETWEEN_LOOKS).await;
        }
    }
    Ok(())
}

/// The version that plain LanceDB clients read.
async fn live(table: &Table) -> Result<Option<u64>> {
    let action = format!("reading the tags of table {}", table.name());
    let tags = table.dataset().tags().list().await.map_err(IndexError::storage(action))?;
    Ok(tags.get(LIVE).map(|tag| tag.version))
}
