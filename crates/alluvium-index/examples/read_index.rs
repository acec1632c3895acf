//! Reads passages of an Alluvium index with plain LanceDB, as somebody.
//!
//! `read_index INDEX PRINCIPAL...` prints the first ten. A search service would give [`passages`] the vector
//! of a question, made with the model that the column `model` names.

#![allow(clippy::print_stdout, reason = "the passages go to stdout")]

use std::collections::HashSet;
use std::error::Error;

use arrow_array::RecordBatch;
use arrow_array::cast::AsArray;
use futures::TryStreamExt;
use lancedb::query::{ExecutableQuery, QueryBase, Select};
use lancedb::{Connection, DistanceType, Table};

/// Passages as `(doc_id, text)`.
type Passages = Vec<(String, String)>;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [index, principals @ ..] = arguments.as_slice() else {
        return Err("usage: read_index INDEX PRINCIPAL...".into());
    };
    for (doc_id, text) in passages(index, principals, None, 10).await? {
        println!("{doc_id}: {text}");
    }
    Ok(())
}

/// The passages that these principals may read; with a vector, the nearest to it, best first.
pub(crate) async fn passages(
    index: &str,
    principals: &[String],
    vector: Option<&[f32]>,
    limit: usize,
) -> Result<Passages, Box<dyn Error>> {
    if principals.is_empty() {
        return Err("a search without principals finds nothing".into());
    }
    let index = lancedb::connect(index).execute().await?;
    let chunks = open_live(&index, "chunks_").await?;
    let query = chunks.query();
    // The access list is a pre-filter: forbidden rows take no place among the nearest.
    let readable = readable_by(principals);
    let rows = match vector {
        Some(vector) => {
            let nearest = query.nearest_to(vector)?.column("vector").distance_type(DistanceType::Cosine);
            let columns = Select::columns(&["doc_id", "text", "_distance"]);
            read(&nearest.only_if(&readable).limit(limit).select(columns)).await?
        }
        None => {
            let columns = Select::columns(&["doc_id", "text"]);
            read(&query.only_if(&readable).limit(limit).select(columns)).await?
        }
    };
    let found: Passages = texts(&rows, "doc_id")?.into_iter().zip(texts(&rows, "text")?).collect();
    let allowed = admitted(&index, &readable, &found).await?;
    Ok(found.into_iter().filter(|(doc_id, _)| allowed.contains(doc_id)).collect())
}

/// Those documents that the newest policy lets somebody read.
async fn admitted(
    index: &Connection,
    readable: &str,
    found: &[(String, String)],
) -> Result<HashSet<String>, Box<dyn Error>> {
    if found.is_empty() {
        return Ok(HashSet::new());
    }
    let ids = strings(found.iter().map(|(doc_id, _)| doc_id));
    let served = "deleted_seq IS NULL AND (erased_seq IS NULL OR erasure_undone_seq IS NOT NULL)";
    let filter = format!("doc_id IN ({ids}) AND {served} AND {readable}");
    let query = open_live(index, "policy").await?.query();
    let rows = read(&query.only_if(filter).select(Select::columns(&["doc_id"]))).await?;
    Ok(texts(&rows, "doc_id")?.into_iter().collect())
}

/// A table at the tag `live`. There is one table of each kind: the generation is part of its name.
async fn open_live(index: &Connection, kind: &str) -> Result<Table, Box<dyn Error>> {
    let names = index.table_names().execute().await?;
    let name = names.into_iter().find(|name| name.starts_with(kind)).ok_or("there is no index yet")?;
    let table = index.open_table(name).execute().await?;
    table.checkout_tag("live").await?;
    Ok(table)
}

/// Some principal is a reader and none is denied.
fn readable_by(principals: &[String]) -> String {
    let who = strings(principals);
    format!("array_has_any(acl_readers, [{who}]) AND NOT array_has_any(acl_denied, [{who}])")
}

/// Values as an SQL list. Never put a value into a filter in another way.
fn strings<'v>(values: impl IntoIterator<Item = &'v String>) -> String {
    let quoted = values.into_iter().map(|value| format!("'{}'", value.replace('\'', "''")));
    quoted.collect::<Vec<_>>().join(", ")
}

async fn read(query: &impl ExecutableQuery) -> lancedb::Result<Vec<RecordBatch>> {
    query.execute().await?.try_collect().await
}

/// A column of text.
fn texts(rows: &[RecordBatch], name: &str) -> Result<Vec<String>, Box<dyn Error>> {
    let mut values = Vec::new();
    for batch in rows {
        let column = batch.column_by_name(name).and_then(|column| column.as_string_opt::<i32>());
        let column = column.ok_or_else(|| format!("{name} is no column of text"))?;
        values.extend(column.iter().flatten().map(str::to_owned));
    }
    Ok(values)
}
