//! One ranked list: fetched, checked, and fetched deeper where the check dropped hits.

use std::time::Instant;

use alluvium_core::ledger::TableRole;
use arrow_array::{Float32Array, RecordBatch};
use datafusion_expr::Expr;
use futures::TryStreamExt;
use lance::dataset::scanner::Scanner;
use lance_index::scalar::FullTextSearchQuery;
use lance_index::scalar::inverted::query::MatchQuery;
use lancedb::DistanceType;

use crate::error::{IndexError, Result};
use crate::indexes::{Coverage, TEXT, VECTOR};
use crate::reader::Index;
use crate::rows;
use crate::search::fuse::{best_first, count_at_most};
use crate::search::hit::{COLUMNS, DISTANCE, Hit, HitRow, SCORE};
use crate::search::judge::Judge;
use crate::search::plan::{LegPlan, Scan, SearchMode, SearchPlan};
use crate::table::Table;
use crate::tuning::Tuning;

/// Most times that a list is fetched deeper because the check against `policy` dropped hits.
const MAX_ROUNDS: u32 = 6;
/// How much deeper each time.
const DEEPER: usize = 4;
/// Most candidates that are fetched at once.
const MAX_FETCH: usize = 100_000;
/// Most candidates that are fetched because there are too many of one document among fewer.
const MAX_GROUPED: usize = 4_000;
/// Partitions of the vector index that are probed at least; more where they hold too few admitted rows.
const PROBES: usize = 20;
/// The filter's share of the table down to which that many probes were measured to find everything.
const PROBED_SHARE: u64 = 20;
/// How many times more candidates are compared by their full vectors than are asked for.
const REFINE: u32 = 5;

/// What a list is ranked by.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Leg<'a> {
    /// Nearness to a vector.
    Vector { vector: &'a [f32], scan: Scan },
    /// Words, any of them.
    Words { text: &'a str },
}

/// How much of a list is wanted.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wanted {
    /// Candidates that are fetched at first.
    pub(crate) fetch: usize,
    /// Hits, if there are so many.
    pub(crate) hits: usize,
    /// So many of one document count.
    pub(crate) per_document: usize,
}

impl Wanted {
    fn is_met_by(self, hits: &[Hit], fetch: usize) -> bool {
        let is_spread = || count_at_most(self.per_document, hits) >= self.hits;
        hits.len() >= self.hits && (fetch >= MAX_GROUPED || is_spread())
    }
}

/// All that the legs of one search share.
pub(crate) struct Legs<'a> {
    chunks: &'a Table,
    coverage: Coverage,
    filter: Expr,
    rows: u64,
    tuning: &'a Tuning,
}

impl<'a> Legs<'a> {
    /// Legs over what `filter` admits.
    pub(crate) async fn new(index: &'a Index, filter: Expr) -> Result<Self> {
        let chunks = index.tables.get(TableRole::Chunks)?;
        Ok(Self {
            chunks,
            coverage: Coverage::of(chunks).await?,
            filter,
            rows: chunks.row_count().await?,
            tuning: index.view.tuning(),
        })
    }

    /// A plan without legs.
    pub(crate) fn plan(&self, mode: SearchMode) -> SearchPlan {
        SearchPlan { mode, rows: self.rows, admitted: None, per_document: None, legs: Vec::new() }
    }

    /// How vectors are compared. What the filter admits is counted only where it decides.
    pub(crate) async fn scan(&self, plan: &mut SearchPlan) -> Result<Scan> {
        if self.rows <= self.tuning.exact_rows || !self.coverage.answers(VECTOR) {
            return Ok(Scan::Exact);
        }
        let admitted = self.chunks.count(Some(self.filter.clone())).await?;
        plan.admitted = Some(admitted);
        Ok(if admitted <= self.tuning.exact_rows { Scan::Exact } else { Scan::Index })
    }

    /// The best of one list that the judge admits, and its part of the plan.
    pub(crate) async fn run(
        &self,
        leg: Leg<'_>,
        wanted: Wanted,
        judge: &mut Judge<'_>,
        plan: &mut SearchPlan,
    ) -> Result<Vec<Hit>> {
        let start = Instant::now();
        let mut fetch = wanted.fetch;
        let mut rounds = 1;
        loop {
            let mut candidates = self.fetch(leg, fetch, plan.admitted).await?;
            let fetched = candidates.len();
            candidates.retain(|hit| leg.may_find(hit));
            let readable = candidates.len();
            let hits = judge.admitted(candidates).await?;
            let enough = wanted.is_met_by(&hits, fetch) || fetched < fetch;
            if enough || rounds == MAX_ROUNDS || fetch >= MAX_FETCH {
                plan.legs.push(LegPlan {
                    mode: leg.mode(),
                    scan: self.scan_of(leg),
                    fetched,
                    dropped: readable - hits.len(),
                    rounds,
                    milliseconds: start.elapsed().as_secs_f64() * 1000.0,
                });
                return Ok(hits);
            }
            fetch = fetch.saturating_mul(DEEPER).min(MAX_FETCH);
            rounds += 1;
        }
    }

    fn scan_of(&self, leg: Leg<'_>) -> Scan {
        match leg {
            Leg::Vector { scan, .. } => scan,
            Leg::Words { .. } if self.coverage.answers(TEXT) => Scan::Index,
            Leg::Words { .. } => Scan::Exact,
        }
    }

    async fn fetch(&self, leg: Leg<'_>, limit: usize, admitted: Option<u64>) -> Result<Vec<Hit>> {
        let found = match leg {
            Leg::Vector { vector, scan } => {
                let probes = probes(self.rows, admitted);
                Box::pin(self.nearest(vector, scan, probes, limit)).await
            }
            Leg::Words { text } => Box::pin(self.matching(text, limit)).await,
        };
        let action = format!("searching table {}", self.chunks.name());
        let batches = found.map_err(IndexError::storage(action))?;
        let found = rows::from_batches::<HitRow>(self.chunks.name(), &batches)?;
        let mut hits: Vec<Hit> = found.into_iter().map(Hit::from).collect();
        hits.sort_by(|a, b| best_first((a.score, &a.chunk_id), (b.score, &b.chunk_id)));
        Ok(hits)
    }

    async fn nearest(
        &self,
        vector: &[f32],
        scan: Scan,
        probes: usize,
        limit: usize,
    ) -> lance::Result<Vec<RecordBatch>> {
        let mut query = self.query(DISTANCE)?;
        query.nearest(VECTOR, &Float32Array::from(vector.to_vec()), limit)?;
        query.distance_metric(DistanceType::Cosine.into());
        match scan {
            Scan::Exact => query.use_index(false),
            Scan::Index => query.minimum_nprobes(probes).refine(REFINE),
        };
        query.try_into_stream().await?.try_collect().await
    }

    async fn matching(&self, text: &str, limit: usize) -> lance::Result<Vec<RecordBatch>> {
        let words = MatchQuery::new(text.to_owned()).with_column(Some(TEXT.to_owned()));
        let mut query = self.query(SCORE)?;
        query.full_text_search(FullTextSearchQuery::new_query(words.into()))?;
        query.limit(Some(i64::try_from(limit).unwrap_or(i64::MAX)), None)?;
        query.try_into_stream().await?.try_collect().await
    }

    /// A search of what the filter admits, at the very version of the record.
    fn query(&self, rank: &str) -> lance::Result<Scanner> {
        let columns: Vec<&str> = COLUMNS.into_iter().chain([rank]).collect();
        let mut query = self.chunks.dataset().scan();
        query.prefilter(true).filter_expr(self.filter.clone()).project(&columns)?;
        Ok(query)
    }
}

impl Leg<'_> {
    /// What the model can't read is near to nothing. Lance leaves out rows whose vector is zeros, which have no
    /// cosine; this holds it to that.
    fn may_find(self, hit: &Hit) -> bool {
        matches!(self, Self::Words { .. }) || (!hit.words_only && hit.score.is_finite())
    }

    fn mode(self) -> SearchMode {
        match self {
            Self::Vector { .. } => SearchMode::Vector,
            Self::Words { .. } => SearchMode::Fts,
        }
    }
}

/// Probes for a filter that admits so many rows: below the measured share, more in proportion, so that as
/// many admitted rows are looked at.
fn probes(rows: u64, admitted: Option<u64>) -> usize {
    let admitted = admitted.unwrap_or(rows).max(1);
    let times = rows.div_ceil(admitted.saturating_mul(PROBED_SHARE)).max(1);
    usize::try_from(times).unwrap_or(usize::MAX).saturating_mul(PROBES)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn narrow_filters_are_probed_wider() {
        assert_eq!(probes(1_000_000, None), PROBES);
        assert_eq!(probes(1_000_000, Some(50_000)), PROBES);
        assert_eq!(probes(10_000_000, Some(100_000)), PROBES * 5);
        assert_eq!(probes(10_000_000, Some(0)), PROBES * 500_000);
        assert_eq!(probes(0, None), PROBES);
    }
}
