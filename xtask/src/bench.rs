//! `cargo xtask bench`: measures, prints a table, and writes it to `BENCHMARKS.md`.
//!
//! Every figure that is a claim is a ratio of two things measured in the same run on the same machine.

mod cold;
mod edit;
mod report;
mod throughput;

use anyhow::Result;
use clap::ValueEnum;

use crate::workspace::Workspace;

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Measure {
    /// Chunks a second of a backfill over those of the embedder alone.
    Throughput,
    /// From an edit in one crate to its tests' verdict.
    Edit,
    /// From a bare clone to the first search: about half an hour on two cores.
    Cold,
}

/// Measures what was asked for; all but the cold start if nothing was.
pub(crate) fn run(workspace: &Workspace, measures: &[Measure]) -> Result<()> {
    let usual = [Measure::Throughput, Measure::Edit];
    let measures = if measures.is_empty() { &usual } else { measures };
    for measure in measures {
        let section = match measure {
            Measure::Throughput => throughput::run(workspace)?,
            Measure::Edit => edit::run(workspace)?,
            Measure::Cold => cold::run(workspace)?,
        };
        report::write(workspace, &section)?;
    }
    Ok(())
}

/// The middle of some figures.
fn median(figures: &[f64]) -> f64 {
    let mut sorted = figures.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
}
