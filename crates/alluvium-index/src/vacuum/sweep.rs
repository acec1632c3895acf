//! Taking away what no kept record names: versions of tables first, then records.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::path::PathBuf;
use std::sync::Arc;

use alluvium_core::ledger::Record;
use alluvium_core::retention::Kept;
use fail::fail_point;
use futures::future::join_all;
use futures::{StreamExt, TryStreamExt, stream};
use lance::session::Session;

use crate::error::Result;
use crate::layout::Layout;
use crate::ledger::Ledger;
use crate::releases::Releases;
use crate::table::Table;
use crate::task;

/// Records that are read at a time.
const READS: usize = 32;

/// One look at what is there and what is kept of it.
pub(crate) struct Sweep<'a> {
    layout: &'a Layout,
    ledger: &'a Ledger,
    session: &'a Arc<Session>,
    head: u64,
    kept: Kept,
    /// Table → the versions that kept records name.
    named: BTreeMap<String, BTreeSet<u64>>,
}

/// What went.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Swept {
    /// Ledger records.
    pub(crate) records: u64,
    /// By table; only those that lost something.
    pub(crate) tables: BTreeMap<String, Removed>,
}

/// What went of a table.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Removed {
    /// Versions.
    pub(crate) versions: u64,
    /// Bytes of files that only they needed.
    pub(crate) bytes: u64,
    /// Files that could not be deleted; the next sweep tries again.
    pub(crate) failed: u64,
}

impl Swept {
    /// Whether anything went.
    pub(crate) fn any(&self) -> bool {
        self.records > 0 || self.tables.values().any(|removed| removed.versions > 0)
    }
}

impl<'a> Sweep<'a> {
    /// Looks. `head` is published, with its floor, before the releases are listed here.
    pub(crate) async fn of(
        layout: &'a Layout,
        ledger: &'a Ledger,
        session: &'a Arc<Session>,
        head: &Record,
    ) -> Result<Self> {
        let released = Releases::open(layout.root())?.named_records(None).await?;
        fail_point!("vacuum::after-releases");
        let kept = Kept { floor: head.floor(), released };
        let below = kept.released.range(..kept.floor).copied();
        let numbers: Vec<u64> = below.chain(kept.floor..=head.seq).collect();
        let found: Vec<Option<Record>> =
            stream::iter(numbers).map(|seq| ledger.find(seq)).buffer_unordered(READS).try_collect().await?;
        let mut named: BTreeMap<String, BTreeSet<u64>> = BTreeMap::new();
        for (table, version) in found.into_iter().flatten().flat_map(|record| record.tables) {
            named.entry(table).or_default().insert(version);
        }
        Ok(Self { layout, ledger, session, head: head.seq, kept, named })
    }

    /// Whether anything is there that is not kept.
    pub(crate) async fn needed(&self) -> Result<bool> {
        for table in self.tables()? {
            if table.unnamed().await?.is_some() {
                return Ok(true);
            }
        }
        Ok(!self.lapsed().await?.is_empty())
    }

    /// Removes at most so many versions of each table, then the records. Tables are swept side by side, and
    /// all are waited for: no record goes before the versions that it named.
    pub(crate) async fn run(&self, most: u64) -> Result<Swept> {
        let most = usize::try_from(most).unwrap_or(usize::MAX);
        let tables = self.tables()?.into_iter().map(|table| {
            let action = format!("removing old versions of table {}", table.name);
            task::beside(action, table.sweep(most))
        });
        let removed: Vec<Option<_>> = join_all(tables).await.into_iter().collect::<Result<_>>()?;
        let mut swept = Swept { records: 0, tables: removed.into_iter().flatten().collect() };
        fail_point!("vacuum::after-tables");
        for seq in self.lapsed().await? {
            self.ledger.remove(seq).await?;
            swept.records += 1;
            fail_point!("vacuum::between-records");
        }
        fail_point!("vacuum::after-records");
        Ok(swept)
    }

    /// The tables of which kept records name a version. Others are left alone: a generation may be in the
    /// making.
    fn tables(&self) -> Result<Vec<NamedTable>> {
        let named = self.layout.tables()?.into_iter().filter_map(|name| {
            let named = self.named.get(&name)?.clone();
            Some(NamedTable { path: self.layout.table(&name), name, named, session: self.session.clone() })
        });
        Ok(named.collect())
    }

    /// The records that are not kept, oldest first.
    async fn lapsed(&self) -> Result<Vec<u64>> {
        let mut numbers = self.ledger.sequence_numbers().await?;
        numbers.retain(|seq| *seq < self.head && !self.kept.keeps(*seq));
        numbers.reverse();
        Ok(numbers)
    }
}

/// A table, and the versions that kept records name.
struct NamedTable {
    name: String,
    path: PathBuf,
    named: BTreeSet<u64>,
    session: Arc<Session>,
}

impl NamedTable {
    async fn sweep(self, most: usize) -> Result<Option<(String, Removed)>> {
        fail_point!("vacuum::between-tables");
        let Some((table, mut versions)) = self.unnamed().await? else { return Ok(None) };
        versions.truncate(most);
        let removed = table.remove_versions(versions).await?;
        Ok(Some((self.name, removed)))
    }

    /// The versions that no kept record names, oldest first; `None` if there are none.
    async fn unnamed(&self) -> Result<Option<(Table, Vec<u64>)>> {
        let Some(newest) = self.named.last() else { return Ok(None) };
        let table = Table::open(&self.name, &self.path, *newest, self.session.clone()).await?;
        let tagged: HashSet<u64> = table.tagged_versions().await?;
        let mut versions = table.versions().await?;
        versions
            .retain(|version| version < newest && !self.named.contains(version) && !tagged.contains(version));
        Ok((!versions.is_empty()).then_some((table, versions)))
    }
}
