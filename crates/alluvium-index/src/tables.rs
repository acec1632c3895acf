//! The four tables of a generation at the versions of one record: a consistent snapshot.

use std::collections::BTreeMap;
use std::sync::Arc;

use alluvium_core::id::Generation;
use alluvium_core::ledger::{Record, TableRole};
use lance::session::Session;

use crate::error::{IndexError, Result};
use crate::layout::Layout;
use crate::table::Table;

/// The tables, by role.
#[derive(Debug, Clone)]
pub(crate) struct Tables {
    by_role: BTreeMap<TableRole, Table>,
}

impl Tables {
    pub(crate) fn new(by_role: BTreeMap<TableRole, Table>) -> Self {
        Self { by_role }
    }

    /// Opens every table at exactly the version that `record` names.
    pub(crate) async fn open(layout: &Layout, record: &Record, session: &Arc<Session>) -> Result<Self> {
        let mut by_role = BTreeMap::new();
        for role in TableRole::ALL {
            let name = role.table(&record.generation);
            let version = record.tables.get(&name).copied().ok_or_else(|| IndexError::Shape {
                table: name.clone(),
                message: format!("ledger record {} names no version of it", record.seq),
            })?;
            let table = Table::open(&name, &layout.table(&name), version, session.clone()).await?;
            table.check_columns(role, record.fingerprint.model.dimension)?;
            by_role.insert(role, table);
        }
        Ok(Self { by_role })
    }

    /// One table.
    pub(crate) fn get(&self, role: TableRole) -> Result<&Table> {
        self.by_role.get(&role).ok_or_else(|| IndexError::Shape {
            table: format!("{role:?}"),
            message: "is not open".to_owned(),
        })
    }

    pub(crate) fn set(&mut self, role: TableRole, table: Table) {
        self.by_role.insert(role, table);
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Table> {
        self.by_role.values()
    }

    /// The versions, as a record names them.
    pub(crate) fn versions(&self, generation: &Generation) -> BTreeMap<String, u64> {
        self.by_role.iter().map(|(role, table)| (role.table(generation), table.version())).collect()
    }
}
