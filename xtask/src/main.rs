//! `cargo xtask …`: everything that is done with this repository rather than by it.
//!
//! - `setup` brings what build, run and tests need into `.tools/`; the other commands call it first.
//! - `demo` builds, indexes the demo corpus and searches it as two people.
//! - `kafka-demo` does the same through a broker, and shows how searches follow changes.
//! - `test` is the whole suite, as CI runs it.
//! - `bench` measures, and writes `BENCHMARKS.md`.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a build tool talks to the person at the terminal"
)]

mod bench;
mod broker;
mod cargo;
mod confine;
mod demo;
mod folder;
mod kafka_demo;
mod one_build;
mod pause;
mod setup;
mod test;
mod workspace;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::setup::Needs;
use crate::workspace::Workspace;

/// Build tasks of Alluvium.
#[derive(Debug, Parser)]
#[command(bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Bring what build, run and tests need into `.tools/`; quick when nothing is missing.
    Setup {
        /// Also the servers of the tests, a Kafka-compatible broker and an S3-compatible store; where there are
        /// none, they are built for minutes.
        #[arg(long)]
        broker: bool,
    },
    /// Build, index the demo corpus with a real model, and search it as two people.
    Demo,
    /// Build, send the demo corpus to a Kafka broker as change events, and search while a daemon follows.
    KafkaDemo,
    /// Run the whole suite: formatting, dependencies, clippy, doc tests, tests.
    Test {
        /// Arguments for nextest, after `--`: a part of a test's name, for example.
        #[arg(last = true)]
        nextest: Vec<String>,
    },
    /// Measure, print a table, and write it to `BENCHMARKS.md`. `TMPDIR` names the disk that is measured on.
    Bench {
        /// What to measure; without it, what takes minutes.
        #[arg(value_enum)]
        measures: Vec<bench::Measure>,
        #[command(flatten)]
        size: bench::Size,
    },
}

fn main() -> ExitCode {
    let result = Workspace::locate().and_then(|workspace| match Arguments::parse().task {
        Task::Setup { broker } => setup::run(&workspace, if broker { Needs::Suite } else { Needs::Tests }),
        Task::Demo => demo::run(&workspace),
        Task::KafkaDemo => kafka_demo::run(&workspace),
        Task::Test { nextest } => test::run(&workspace, &nextest),
        Task::Bench { measures, size } => bench::run(&workspace, &measures, &size),
    });
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}
