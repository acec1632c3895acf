//! Taking away what no kept record names: versions of tables first, then records.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

use alluvium_core::ledger::Record;
use alluvium_core::retention::Kept;
use fail::fail_point;
use futures::{StreamExt, TryStreamExt, stream};
use lance::session::Session;

use crate::error::Result;
use crate::layout::Layout;
use crate::ledger::Ledger;
use crate::releases::Releases;
use crate::table::Table;

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
        for name in self.layout.tables()? {
            if self.unnamed(&name).await?.is_some() {
                return Ok(true);
            }
        }
        Ok(!self.lapsed().await?.is_empty())
    }

    /// Removes at most so many versions of each table, then the records.
    pub(crate) async fn run(&self, most: u64) -> Result<Swept> {
        let most = usize::try_from(most).unwrap_or(usize::MAX);
        let mut swept = Swept::default();
        for name in self.layout.tables()? {
            fail_point!("vacuum::between-tables");
            let Some((table, mut versions)) = self.unnamed(&name).await? else { continue };
            versions.truncate(most);
            let removed = table.remove_versions(versions).await?;
            swept.tables.insert(name, removed);
        }
        fail_point!("vacuum::after-tables");
        for seq in self.lapsed().await? {
            self.ledger.remove(seq).await?;
            swept.records += 1;
            fail_point!("vacuum::between-records");
        }
        fail_point!("vacuum::after-records");
        Ok(swept)
    }

    /// The versions of a table that no kept record names, oldest first. A table of which none is named is
    /// left alone: a generation may be in the making.
    async fn unnamed(&self, name: &str) -> Result<Option<(Table, Vec<u64>)>> {
        let Some(named) = self.named.get(name) else { return Ok(None) };
        let Some(newest) = named.last() else { return Ok(None) };
        let path = self.layout.table(name);
        let table = Table::open(name, &path, *newest, self.session.clone()).await?;
        let tagged: HashSet<u64> = table.tagged_versions().await?;
        let mut versions = table.versions().await?;
        versions.retain(|version| version < newest && !named.contains(version) && !tagged.contains(version));
        Ok((!versions.is_empty()).then_some((table, versions)))
    }

    /// The records that are not kept, oldest first.
    async fn lapsed(&self) -> Result<Vec<u64>> {
        let mut numbers = self.ledger.sequence_numbers().await?;
        numbers.retain(|seq| *seq < self.head && !self.kept.keeps(*seq));
        numbers.reverse();
        Ok(numbers)
    }
}
