//! The second check of every hit, against `policy`.

use std::collections::{HashMap, HashSet};

use alluvium_core::access::Principals;

use crate::error::Result;
use crate::fault::Fault;
use crate::filter::one_of;
use crate::rows::{self, PolicyRow};
use crate::search::hit::Hit;
use crate::table::Table;

/// Says of documents whether they may be found. It remembers, since lists overlap and rounds repeat.
pub(crate) struct Judge<'a> {
    policy: &'a Table,
    principals: &'a Principals,
    seq: u64,
    verdicts: HashMap<String, bool>,
}

impl<'a> Judge<'a> {
    /// A judge by `policy` of content that the record `seq` holds.
    pub(crate) fn new(policy: &'a Table, principals: &'a Principals, seq: u64) -> Self {
        Self { policy, principals, seq, verdicts: HashMap::new() }
    }

    /// Drops what the policy forbids, and what it does not know.
    pub(crate) async fn admitted(&mut self, hits: Vec<Hit>) -> Result<Vec<Hit>> {
        if Fault::SearchTrustsCopies.is_on() {
            return Ok(hits);
        }
        let unknown: HashSet<&str> =
            hits.iter().map(|h| h.doc_id.as_str()).filter(|id| !self.verdicts.contains_key(*id)).collect();
        let unknown: Vec<&str> = unknown.into_iter().collect();
        if !unknown.is_empty() {
            let batches = self.policy.rows(None, Some(one_of("doc_id", &unknown))).await?;
            for row in rows::from_batches::<PolicyRow>(self.policy.name(), &batches)? {
                let admitted = row.policy()?.admits(self.principals, self.seq);
                self.verdicts.insert(row.doc_id, admitted);
            }
        }
        let admitted = |hit: &Hit| self.verdicts.get(&hit.doc_id).copied().unwrap_or(false);
        Ok(hits.into_iter().filter(admitted).collect())
    }
}
