//! What all searches of one [`Index`](crate::Index) share.

use crate::table::Table;
use crate::tuning::Tuning;

/// What hits are checked against, and sizes.
#[derive(Debug, Clone, Default)]
pub(crate) struct View {
    policy: Option<Table>,
    tuning: Tuning,
}

impl View {
    /// The policy that is newer than the record's own, if there is one.
    pub(crate) fn policy(&self) -> Option<&Table> {
        self.policy.as_ref()
    }

    pub(crate) fn set_policy(&mut self, policy: Table) {
        self.policy = Some(policy);
    }

    pub(crate) fn tuning(&self) -> &Tuning {
        &self.tuning
    }

    pub(crate) fn set_tuning(&mut self, tuning: Tuning) {
        self.tuning = tuning;
    }
}
