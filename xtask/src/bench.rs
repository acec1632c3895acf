//! `cargo xtask bench`: measures, prints a table, and writes it to `BENCHMARKS.md`.
//!
//! Every figure that is a claim is a ratio of two things measured in the same run on the same machine.

mod child;
mod cold;
mod commits;
mod corpus;
mod edit;
mod file_system;
mod freshness;
mod judged;
mod kafka;
mod memory;
mod noop;
mod program;
mod questions;
mod real_text;
mod report;
mod rollback;
mod search;
mod soak;
mod throughput;
mod turns;

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::{Args, ValueEnum};

use self::report::Section;
use crate::workspace::Workspace;

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Measure {
    /// Chunks a second of a backfill over those of the embedder alone.
    Throughput,
    /// From an edit in one crate to its tests' verdict.
    Edit,
    /// A backfill with nothing to do against a bare walk that reads the stored entries.
    Noop,
    /// From a saved file to a search that finds it: the daemon idle and at half load.
    Freshness,
    /// From a file that is saved beside a first load to a search that finds it, and what the load pays for it.
    Turns,
    /// Seconds of a rollback of a small and of a large index: a quarter of an hour.
    Rollback,
    /// Commits and rollbacks of indexes of three sizes, without a model.
    Sizes,
    /// Thousands of small commits with their maintenance, without a model.
    Flow,
    /// Events a second from a broker, their latency, and preparers side by side, without a model.
    Kafka,
    /// Recall and latency of searches over a million passages of real text, under filters.
    Search,
    /// Questions in twelve languages, by words and by meaning; of the dev profile, and with `--before` of another
    /// program, too.
    Questions,
    /// nDCG and recall of searches over judged collections, by mode.
    Judged,
    /// Peak memory of a small and of a large backfill, and memory of the daemon over `--minutes`.
    Memory,
    /// From a bare clone to the first search: about half an hour on two cores.
    Cold,
}

/// How much is measured, and on what. A trial takes small figures and `--no-write`.
#[derive(Debug, Clone, Args)]
pub(crate) struct Size {
    /// noop, freshness, turns, memory: documents, instead of 10000, 600, 3000 and 20000
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(20..))]
    documents: Option<u32>,
    /// freshness: saved files in either state; turns: at most so many
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..))]
    samples: u32,
    /// freshness: `commit.interval` of the pipeline
    #[arg(long, value_name = "TIME", default_value = "1s")]
    commit_interval: String,
    /// memory: how long the daemon is watched
    #[arg(long, value_name = "N", default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..))]
    minutes: u32,
    /// rollback, sizes, search: chunks of the large index
    #[arg(long, value_name = "N", default_value_t = 1_000_000, value_parser = clap::value_parser!(u32).range(1_000..))]
    rows: u32,
    /// flow: commits
    #[arg(long, value_name = "N", default_value_t = 3_000, value_parser = clap::value_parser!(u32).range(100..))]
    commits: u32,
    /// kafka: events
    #[arg(long, value_name = "N", default_value_t = 50_000, value_parser = clap::value_parser!(u32).range(100..))]
    events: u32,
    /// questions: a program to compare with
    #[arg(long, value_name = "FILE")]
    before: Option<PathBuf>,
    /// Measure the binaries that are there, without building them
    #[arg(long)]
    no_build: bool,
    /// Print only, and leave `BENCHMARKS.md` as it is
    #[arg(long)]
    no_write: bool,
}

impl Size {
    fn documents_or(&self, usual: u32) -> u32 {
        self.documents.unwrap_or(usual)
    }
}

/// Makes one section.
type Part = fn(&Workspace, &Size) -> Result<Section>;

impl Measure {
    fn parts(self) -> &'static [Part] {
        match self {
            Self::Throughput => &[throughput::run],
            Self::Edit => &[|workspace, _| edit::run(workspace)],
            Self::Noop => &[noop::run],
            Self::Freshness => &[freshness::run],
            Self::Turns => &[turns::run],
            Self::Rollback => &[rollback::run],
            Self::Sizes => &[commits::sizes],
            Self::Flow => &[commits::flow],
            Self::Kafka => &[kafka::run],
            Self::Search => &[search::run],
            Self::Questions => &[questions::run],
            Self::Judged => &[judged::run],
            Self::Memory => &[memory::run, soak::run],
            Self::Cold => &[|workspace, _| cold::run(workspace)],
        }
    }
}

/// Measures what was asked for; what takes minutes if nothing was.
pub(crate) fn run(workspace: &Workspace, measures: &[Measure], size: &Size) -> Result<()> {
    let usual = [Measure::Throughput, Measure::Edit, Measure::Noop, Measure::Freshness];
    let measures = if measures.is_empty() { &usual } else { measures };
    for part in measures.iter().flat_map(|measure| measure.parts()) {
        let section = part(workspace, size)?;
        report::show(workspace, &section, !size.no_write)?;
    }
    Ok(())
}

/// The middle of some figures.
fn median(figures: &[f64]) -> f64 {
    percentile(figures, 50)
}

/// The smallest of some figures that so many of a hundred do not exceed.
fn percentile(figures: &[f64], percent: usize) -> f64 {
    let mut sorted = figures.to_vec();
    sorted.sort_by(f64::total_cmp);
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted.get(rank - 1).copied().unwrap_or(f64::NAN)
}

fn mean(figures: &[f64]) -> f64 {
    figures.iter().sum::<f64>() / figures.len() as f64
}

/// What a median of a list's field is.
fn median_of<T>(list: &[T], field: impl Fn(&T) -> f64) -> f64 {
    median(&list.iter().map(field).collect::<Vec<_>>())
}

/// The ratio of two, which must not come of a failed measurement.
fn ratio(of: f64, to: f64) -> Result<f64> {
    Some(of / to).filter(|ratio| ratio.is_finite()).with_context(|| format!("no ratio of {of} to {to}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_figures_that_were_measured() {
        let figures: Vec<f64> = (1..=100).rev().map(f64::from).collect();
        assert_eq!((percentile(&figures, 50), percentile(&figures, 99)), (50.0, 99.0));
        assert_eq!((median(&[3.0, 1.0, 2.0]), percentile(&[3.0, 1.0, 2.0], 99)), (2.0, 3.0));
        assert!(median(&[]).is_nan());
        assert!(ratio(1.0, 0.0).is_err());
    }
}
