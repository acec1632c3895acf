//! Search, as somebody: by meaning, by words, or both.
//!
//! Invariants:
//! - there is no search without [`Principals`];
//! - the access list is a pre-filter, so that forbidden rows take no place among the best, and what the
//!   caller typed becomes values in expressions and words to look up, never SQL text nor a query language;
//! - every hit is checked again against `policy`, the newest one where the caller has it, so that neither
//!   a copy that went wrong nor an old version can leak. What the check drops is made up for by fetching
//!   more;
//! - rows that no index covers yet are found like all others.

use std::num::NonZeroUsize;

use alluvium_core::access::Principals;
use alluvium_core::ledger::TableRole;
use datafusion_expr::Expr;

use crate::error::{IndexError, Result};
use crate::filter::readable_by;
use crate::reader::Index;
use crate::tuning::Tuning;

mod condition;
mod fuse;
mod hit;
mod judge;
mod keys;
mod leg;
mod moment;
mod plan;
mod spellings;
mod stale;
mod view;
mod words;

pub use condition::{Condition, ConditionError};
pub use hit::Hit;
pub use plan::{LegPlan, Scan, SearchMode, SearchPlan};
pub(crate) use view::View;

use fuse::By;
use judge::Judge;
use leg::{Leg, Legs, Wanted};
use words::words;

/// Most hits of one search.
const MAX_LIMIT: usize = 10_000;
/// Most conditions of one search: each makes the filter deeper.
const MAX_CONDITIONS: usize = 64;

/// What is looked for, and by whom.
#[derive(Debug, Clone, Copy)]
pub struct SearchRequest<'a> {
    /// Who asks: the union of what these may read.
    pub principals: &'a Principals,
    /// By what.
    pub mode: SearchMode,
    /// The query, as words. Any text will do, and none of it is syntax.
    pub text: &'a str,
    /// The query as the index's model embeds it; needed by every mode but full text.
    pub vector: Option<&'a [f32]>,
    /// Most hits; 10,000 is the most that a search gives.
    pub limit: usize,
    /// Most hits of one document.
    pub per_document: Option<NonZeroUsize>,
    /// What must hold of every hit.
    pub conditions: &'a [Condition],
}

/// What was found, and how.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    /// Best first.
    pub hits: Vec<Hit>,
    /// How they were found.
    pub plan: SearchPlan,
}

impl Index {
    /// The same index, whose hits are checked against the policy of `newest`. Whoever searches an old
    /// record must do this: what was deleted, erased or closed since is not served again.
    pub fn judged_by(mut self, newest: &Index) -> Result<Self> {
        self.view.set_policy(newest.tables.get(TableRole::Policy)?.clone());
        Ok(self)
    }

    /// The same index with other sizes.
    pub fn tuned(mut self, tuning: Tuning) -> Self {
        self.view.set_tuning(tuning);
        self
    }

    /// The best passages among those that the principals may read.
    pub async fn search(&self, request: &SearchRequest<'_>) -> Result<Found> {
        let (by_vector, text) = self.checked(request)?;
        let limit = request.limit.min(MAX_LIMIT);
        if request.conditions.iter().any(Condition::is_met_by_absence) {
            keys::check(self, request.principals, request.conditions).await?;
        }
        let legs = Legs::new(self, filter(request)).await?;
        let policy = match self.view.policy() {
            Some(newest) => newest,
            None => self.tables.get(TableRole::Policy)?,
        };
        let mut judge = Judge::new(policy, request.principals, self.record.seq);
        let mut plan = legs.plan(request.mode);
        plan.per_document = request.per_document;
        let wanted = wanted(request.mode, limit, request.per_document);
        let mut lists = Vec::new();
        if let Some(vector) = by_vector.filter(|_| limit > 0) {
            let scan = legs.scan(&mut plan).await?;
            let leg = Leg::Vector { vector, scan };
            lists.push((By::Vector, legs.run(leg, wanted, &mut judge, &mut plan).await?));
        }
        if let Some(text) = text.as_deref().filter(|_| limit > 0) {
            let leg = Leg::Words { text };
            lists.push((By::Words, legs.run(leg, wanted, &mut judge, &mut plan).await?));
        }
        let mut hits = match request.mode {
            SearchMode::Hybrid => fuse::hits(lists, wanted.fetch),
            SearchMode::Vector | SearchMode::Fts => lists.into_iter().flat_map(|(_, hits)| hits).collect(),
        };
        if let Some(most) = request.per_document {
            hits = fuse::at_most(most.get(), hits);
        }
        hits.truncate(limit);
        if hits.is_empty() {
            keys::check(self, request.principals, request.conditions).await?;
        }
        self.mark_stale(&mut hits).await?;
        Ok(Found { hits, plan })
    }

    /// What the legs search for: none of a leg that the mode lacks, or of a text without a word.
    fn checked<'a>(&self, request: &SearchRequest<'a>) -> Result<(Option<&'a [f32]>, Option<String>)> {
        if request.conditions.len() > MAX_CONDITIONS {
            let message = format!("a search takes at most {MAX_CONDITIONS} conditions");
            return Err(IndexError::Request(message));
        }
        if request.mode == SearchMode::Fts {
            return Ok((None, words(request.text)));
        }
        let dimension = self.record.fingerprint.model.dimension;
        match request.vector {
            Some(vector) if vector.len() == dimension && vector.iter().all(|v| v.is_finite()) => {
                let text = words(request.text).filter(|_| request.mode == SearchMode::Hybrid);
                Ok((Some(vector), text))
            }
            _ => {
                let message = format!("a search by meaning takes a vector of {dimension} finite numbers");
                Err(IndexError::Request(message))
            }
        }
    }
}

/// How much of each list is wanted for so many hits.
fn wanted(mode: SearchMode, limit: usize, per_document: Option<NonZeroUsize>) -> Wanted {
    match mode {
        // Documents are fused: passages of one document must not be all that a list has.
        SearchMode::Hybrid => Wanted { fetch: fuse::depth(limit), hits: limit, per_document: 1 },
        SearchMode::Vector | SearchMode::Fts => {
            let per_document = per_document.map_or(usize::MAX, NonZeroUsize::get);
            Wanted { fetch: limit, hits: limit, per_document }
        }
    }
}

/// The pre-filter: access first, then the conditions.
fn filter(request: &SearchRequest<'_>) -> Expr {
    let access = readable_by(request.principals);
    request.conditions.iter().fold(access, |filter, condition| filter.and(condition.expression()))
}
