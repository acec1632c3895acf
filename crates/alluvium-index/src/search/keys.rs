//! The keys of the metadata, as far as the principals may read them: what a condition may name.

use std::collections::BTreeSet;

use alluvium_core::access::Principals;
use alluvium_core::ledger::TableRole;
use arrow_array::RecordBatch;
use arrow_array::cast::AsArray;
use futures::TryStreamExt;

use crate::error::{IndexError, Result};
use crate::filter::readable_by;
use crate::reader::Index;
use crate::search::Condition;

/// Most keys that are remembered to name the nearest of.
const MAX_KEYS: usize = 10_000;
/// From this likeness on a key is named as what was likely meant.
const LIKELY: f64 = 0.7;

/// Refuses conditions on keys that no row has which the principals may read. A key of others' documents is
/// no key, or its name would be told. This looks at rows one by one, so it is done only where a search that
/// knows nothing of a key would pass it over in silence.
pub(crate) async fn check(index: &Index, principals: &Principals, conditions: &[Condition]) -> Result<()> {
    let mut wanted: BTreeSet<&str> = conditions.iter().filter_map(Condition::metadata_key).collect();
    if wanted.is_empty() {
        return Ok(());
    }
    let chunks = index.tables.get(TableRole::Chunks)?;
    let action = || IndexError::storage(format!("reading metadata of table {}", chunks.name()));
    let mut rows = chunks.dataset().scan();
    rows.filter_expr(readable_by(principals)).project(&["metadata"]).map_err(action())?;
    let mut batches = rows.try_into_stream().await.map_err(action())?;
    let (mut keys, mut seen) = (BTreeSet::new(), 0);
    while let Some(batch) = batches.try_next().await.map_err(action())? {
        seen += batch.num_rows();
        for key in keys_of(&batch) {
            wanted.remove(key);
            if keys.len() < MAX_KEYS && !keys.contains(key) {
                keys.insert(key.to_owned());
            }
        }
        if wanted.is_empty() {
            return Ok(());
        }
    }
    if seen == 0 {
        return Ok(());
    }
    let unknown = wanted.first().copied().unwrap_or_default();
    Err(IndexError::UnknownKey { key: unknown.to_owned(), nearest: nearest(unknown, &keys) })
}

fn keys_of(batch: &RecordBatch) -> impl Iterator<Item = &str> {
    let lists = batch.column_by_name("metadata").and_then(|column| column.as_list_opt::<i32>());
    let entries = lists.and_then(|lists| lists.values().as_string_opt::<i32>());
    entries.into_iter().flatten().flatten().filter_map(|entry| Some(entry.split_once('=')?.0))
}

fn nearest(wanted: &str, keys: &BTreeSet<String>) -> Option<String> {
    let wanted = wanted.to_lowercase();
    let mut known: Vec<&str> = Condition::columns().collect();
    known.extend(keys.iter().map(String::as_str));
    let likeness = known.into_iter().map(|key| (strsim::jaro_winkler(&wanted, &key.to_lowercase()), key));
    let best = likeness.max_by(|a, b| a.0.total_cmp(&b.0));
    best.filter(|(likeness, _)| *likeness >= LIKELY).map(|(_, key)| key.to_owned())
}
