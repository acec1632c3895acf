//! What searches under filters find and what they cost: as they are, forced to compare one by one, and
//! forced through the index.

use std::collections::HashSet;
use std::path::Path;

use alluvium_core::access::Principals;
use alluvium_index::{Found, Index, SearchMode, SearchRequest, Tuning};
use arrow_array::cast::AsArray;
use arrow_array::types::Float32Type;
use futures::TryStreamExt;
use lance::Dataset;
use serde_json::{Value, json};

use crate::Result;
use crate::figures::{summary, timed};

/// Hits that are asked for.
const LIMIT: usize = 10;
/// Searches that warm the caches and are not counted.
const WARM: usize = 5;

pub(crate) async fn measure(root: &Path, queries: &Path, groups: &[&str]) -> Result<Value> {
    let index = Index::open(root).await?.ok_or("there is no index")?;
    let queries = vectors(queries).await?;
    let only = |exact_rows| index.clone().tuned(Tuning { exact_rows, ..Tuning::DEFAULT });
    let (exact, approximate) = (only(u64::MAX), only(0));
    let mut figures = Vec::new();
    for group in groups {
        let who = Principals::new([(*group).to_owned()])?;
        let truth = run(&exact, &who, &queries).await?;
        let asked = [("as it is", &index), ("index", &approximate)];
        let mut ways = vec![way("exact", &truth, &truth)];
        for (name, index) in asked {
            ways.push(way(name, &run(index, &who, &queries).await?, &truth));
        }
        eprintln!("{group}: {}", json!(ways));
        figures.push(json!({ "group": group, "ways": ways }));
    }
    Ok(json!({ "queries": queries.len(), "groups": figures }))
}

struct Run {
    found: Vec<Found>,
    times: Vec<f64>,
}

async fn run(index: &Index, who: &Principals, queries: &[Vec<f32>]) -> Result<Run> {
    let mut run = Run { found: Vec::new(), times: Vec::new() };
    for vector in queries.iter().take(WARM).chain(queries) {
        let request = SearchRequest {
            principals: who,
            mode: SearchMode::Vector,
            text: "",
            vector: Some(vector),
            limit: LIMIT,
            per_document: None,
            conditions: &[],
        };
        let (found, time) = timed(index.search(&request)).await;
        run.found.push(found?);
        run.times.push(time);
    }
    run.found.drain(..WARM.min(queries.len()));
    run.times.drain(..WARM.min(queries.len()));
    Ok(run)
}

fn way(name: &str, run: &Run, truth: &Run) -> Value {
    let recalls: Vec<f64> =
        run.found.iter().zip(&truth.found).filter_map(|(found, truth)| recall(found, truth)).collect();
    let plan = run.found.first().map(|found| &found.plan);
    let scan = plan.and_then(|plan| plan.legs.first()).map(|leg| leg.scan);
    json!({
        "way": name, "scan": scan, "rows": plan.map(|plan| plan.rows),
        "admitted": run.found.iter().find_map(|found| found.plan.admitted),
        "recall": recalls.iter().sum::<f64>() / recalls.len().max(1) as f64,
        "worst_recall": recalls.iter().copied().fold(1.0, f64::min),
        "milliseconds": summary(&run.times),
    })
}

/// The share of the true best that was found. A hit as near as the last of the true ones is as good: which
/// of equals comes first is nobody's business.
fn recall(found: &Found, truth: &Found) -> Option<f64> {
    let worst = truth.hits.last()?.score;
    let right: HashSet<&str> = truth.hits.iter().map(|hit| hit.chunk_id.as_str()).collect();
    let good = |hit: &&alluvium_index::Hit| right.contains(hit.chunk_id.as_str()) || hit.score >= worst;
    Some(found.hits.iter().filter(good).count() as f64 / truth.hits.len() as f64)
}

/// The vectors of another index's passages.
async fn vectors(root: &Path) -> Result<Vec<Vec<f32>>> {
    let index = Index::open(root).await?.ok_or("there is no index of queries")?;
    let chunks = index.record().tables.iter().find(|(name, _)| name.starts_with("chunks_"));
    let (name, version) = chunks.ok_or("it has no passages")?;
    let path = root.join(format!("{name}.lance"));
    let dataset = Dataset::open(&path.to_string_lossy()).await?.checkout_version(*version).await?;
    let mut scan = dataset.scan();
    scan.project(&["vector"])?;
    let mut batches = scan.try_into_stream().await?;
    let mut vectors = Vec::new();
    while let Some(batch) = batches.try_next().await? {
        let column = batch.column_by_name("vector").ok_or("no vectors")?.as_fixed_size_list();
        for vector in column.iter().flatten() {
            vectors.push(vector.as_primitive::<Float32Type>().values().to_vec());
        }
    }
    Ok(vectors)
}
