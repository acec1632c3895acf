//! A backfill that finds nothing to do, against the least that any program would have to do for it.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use serde_json::Value;

use super::corpus::{Corpus, FAST_MODEL, Shape, walk};
use super::program::{alluvium, figure, python, ready};
use super::report::Section;
use super::{Size, median_of, ratio};
use crate::pause::pause;
use crate::setup::Needs;
use crate::workspace::Workspace;

const ROUNDS: usize = 7;
/// A file that changed within two seconds of its scan is read again by every later one: its times can't
/// stand for its content. Documents at rest are what is measured.
const REST: Duration = Duration::from_secs(3);

pub(super) fn run(workspace: &Workspace, size: &Size) -> Result<Section> {
    ready(workspace, Needs::Tests, size)?;
    let documents = size.documents_or(10_000);
    let (many, one) = (loaded(workspace, documents)?, loaded(workspace, 1)?);
    let rows = (0..ROUNDS).map(|_| measure(workspace, &many, &one)).collect::<Result<Vec<_>>>()?;
    Ok(Section { title: "Rerun without changes", body: body(documents, &rows)? })
}

/// A corpus with its index, and what the backfill that made it said.
struct Loaded {
    corpus: Corpus,
    documents: u32,
    first: Value,
}

fn loaded(workspace: &Workspace, documents: u32) -> Result<Loaded> {
    let corpus = Corpus::new(&Shape::default())?;
    corpus.fill(documents)?;
    pause(REST);
    println!("first backfill of {documents} documents");
    let first = alluvium(workspace, &["backfill", corpus.pipeline()])?;
    ensure!(figure(&first, "/documents/indexed")? == f64::from(documents), "not all indexed: {first}");
    Ok(Loaded { corpus, documents, first })
}

struct Row {
    /// Of the whole process, over all documents and over one.
    process: f64,
    start_up: f64,
    walk: f64,
    entries: f64,
}

impl Row {
    fn rerun(&self) -> f64 {
        self.process - self.start_up
    }

    fn bare(&self) -> f64 {
        self.walk + self.entries
    }
}

fn measure(workspace: &Workspace, many: &Loaded, one: &Loaded) -> Result<Row> {
    let start_up = rerun(workspace, one)?;
    let process = rerun(workspace, many)?;
    let start = Instant::now();
    let files = walk(&many.corpus.docs())?;
    let walk = start.elapsed().as_secs_f64();
    let read = python(workspace, "entries.py", &[&many.corpus.index().to_string_lossy()])?;
    let (documents, entries) = (f64::from(many.documents), figure(&read, "/entries")?);
    ensure!(files as f64 == documents && entries == documents, "{files} files, {entries} entries");
    Ok(Row { process, start_up, walk, entries: figure(&read, "/seconds")? })
}

/// Seconds of a process that must change nothing.
fn rerun(workspace: &Workspace, loaded: &Loaded) -> Result<f64> {
    let records = loaded.corpus.records()?;
    let start = Instant::now();
    let result = alluvium(workspace, &["backfill", loaded.corpus.pipeline()])?;
    let seconds = start.elapsed().as_secs_f64();
    let unchanged = figure(&result, "/documents/unchanged")? == f64::from(loaded.documents);
    let idle = figure(&result, "/chunks/embedded")? == 0.0 && figure(&result, "/chunks/written")? == 0.0;
    let same = result.get("release") == loaded.first.get("release") && loaded.corpus.records()? == records;
    let silent = result.get("published") == Some(&Value::Bool(false));
    ensure!(unchanged && idle && same && silent, "a rerun did something: {result}");
    Ok(seconds)
}

fn body(documents: u32, rows: &[Row]) -> Result<String> {
    let mut text = format!(
        "`backfill` again over {documents} text files of about 100 words, {FAST_MODEL}; checked: nothing embedded, \
         no row and no ledger record written. *Start-up* is the same rerun over an index of one document: process, \
         model, sandbox, opening the index. The bare walk lists the folder and stats every file; the entries are \
         the five columns of the documents table that the program compares with, read into a map by LanceDB for \
         Python (median of five reads, interpreter started beforehand; its engine is an optimized build). The \
         files were at rest for {} s before their first scan and are in the page cache. Goal: at most 2.\n\n\
         | round | whole process, s | start-up, s | rerun without start-up, s | bare walk, s | stored entries, s | \
         rerun ÷ (walk + entries) |\n|---|---|---|---|---|---|---|\n",
        REST.as_secs()
    );
    for (i, row) in rows.iter().enumerate() {
        text.push_str(&format!(
            "| {} | {:.3} | {:.3} | {:.3} | {:.3} | {:.3} | {:.2} |\n",
            i + 1,
            row.process,
            row.start_up,
            row.rerun(),
            row.walk,
            row.entries,
            ratio(row.rerun(), row.bare())?
        ));
    }
    let of_medians = ratio(median_of(rows, Row::rerun), median_of(rows, Row::bare))?;
    text.push_str(&format!(
        "\nMedians: **{of_medians:.2}**; start-up apart, {:.2} s.",
        median_of(rows, |row| row.start_up)
    ));
    Ok(text)
}
