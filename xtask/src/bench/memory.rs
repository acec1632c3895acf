//! Peak memory of a backfill: it must not grow with the number of documents.

use anyhow::{Result, ensure};

use super::child::Running;
use super::corpus::{Corpus, FAST_MODEL, Shape};
use super::program::{figure, ready};
use super::report::Section;
use super::{Size, median_of, ratio};
use crate::setup::Needs;
use crate::workspace::Workspace;

const ROUNDS: u32 = 3;
/// How many times more documents the large backfill has.
const TIMES: u32 = 20;

pub(super) fn run(workspace: &Workspace, size: &Size) -> Result<Section> {
    ready(workspace, Needs::Demo, size)?;
    let large = size.documents_or(20_000);
    let small = large / TIMES;
    let mut rows = Vec::new();
    for round in 1..=ROUNDS {
        println!("round {round}: {small} documents, then {large}");
        rows.push(Row { small: measure(workspace, small)?, large: measure(workspace, large)? });
    }
    Ok(Section { title: "Peak memory of a backfill", body: body(small, large, &rows)? })
}

/// In MiB.
struct Peak {
    process: f64,
    worker: f64,
    seconds: f64,
}

struct Row {
    small: Peak,
    large: Peak,
}

/// A first backfill into a new index.
fn measure(workspace: &Workspace, documents: u32) -> Result<Peak> {
    let corpus = Corpus::new(&Shape::default())?;
    corpus.fill(documents)?;
    let (result, peak) = Running::start(workspace, "backfill", &corpus)?.finish()?;
    ensure!(figure(&result, "/documents/indexed")? == f64::from(documents), "not all indexed: {result}");
    ensure!(peak.worker > 0, "no worker was seen");
    let mib = |kib: u64| kib as f64 / 1024.0;
    Ok(Peak { process: mib(peak.process), worker: mib(peak.worker), seconds: figure(&result, "/seconds")? })
}

fn body(small: u32, large: u32, rows: &[Row]) -> Result<String> {
    let mut text = format!(
        "First backfills of text files of about 100 words, {FAST_MODEL}, a new index each; the kernel's peak of \
         resident memory (`VmHWM`) of the process and, apart, of the largest of its extraction workers. It counts \
         the pages of the program's file that are mapped. Goal: the process at most 1.2 times.\n\n\
         | round | {small} documents: process, MiB | worker, MiB | s | {large} documents: process, MiB | worker, MiB | \
         s | process, large ÷ small |\n|---|---|---|---|---|---|---|---|\n"
    );
    for (i, Row { small, large }) in rows.iter().enumerate() {
        let ratio = ratio(large.process, small.process)?;
        text.push_str(&format!("| {} ", i + 1));
        for Peak { process, worker, seconds } in [small, large] {
            text.push_str(&format!("| {process:.0} | {worker:.0} | {seconds:.0} "));
        }
        text.push_str(&format!("| {ratio:.2} |\n"));
    }
    let process = ratio(median_of(rows, |r| r.large.process), median_of(rows, |r| r.small.process))?;
    let worker = ratio(median_of(rows, |r| r.large.worker), median_of(rows, |r| r.small.worker))?;
    text.push_str(&format!("\nMedians: process **{process:.2}**, worker {worker:.2}."));
    Ok(text)
}
