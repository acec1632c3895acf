//! How long a rollback takes, of a small and of a large index.

use std::time::Instant;

use anyhow::{Result, ensure};

use super::corpus::{Corpus, FAST_MODEL, Shape, name, note};
use super::program::{alluvium, figure, ready};
use super::report::Section;
use super::{Size, median_of, ratio};
use crate::setup::Needs;
use crate::workspace::Workspace;

const SMALL: u32 = 10_000;
const ROUNDS: u32 = 5;
/// Rows of one document.
const ROWS: u32 = 1_000;
/// Documents that change between the publish that is gone back to and the rollback.
const EDITED: u32 = 20;
/// Just enough for one short paragraph, so that each becomes a row.
const MAX_TOKENS: u32 = 6;

pub(super) fn run(workspace: &Workspace, size: &Size) -> Result<Section> {
    ready(workspace, Needs::Demo, size)?;
    let small = measure(workspace, SMALL.min(size.rows))?;
    let large = measure(workspace, size.rows)?;
    Ok(Section { title: "Rollback", body: body(&small, &large)? })
}

struct Index {
    chunks: f64,
    fragments: f64,
    backfill: f64,
    rollbacks: Vec<Rollback>,
}

struct Rollback {
    /// As the program says.
    own: f64,
    process: f64,
}

fn measure(workspace: &Workspace, rows: u32) -> Result<Index> {
    let corpus = Corpus::new(&Shape { max_tokens: MAX_TOKENS, ..Shape::default() })?;
    for document in 0..rows.div_ceil(ROWS) {
        corpus.write(&format!("long/{}", name(document)), &long(document, ROWS.min(rows)))?;
    }
    edit(&corpus, 0)?;
    println!("backfill of {rows} rows");
    let first = alluvium(workspace, &["backfill", corpus.pipeline()])?;
    println!("{first}");
    let status = alluvium(workspace, &["status", corpus.pipeline()])?;
    let chunks = figure(&status, "/chunks")?;
    ensure!(chunks >= f64::from(rows), "{chunks} rows instead of {rows}");
    let to = format!("seq:{}", figure(&first, "/release/seq")?);
    let rollbacks = (1..=ROUNDS).map(|round| roll_back(workspace, &corpus, &to, round));
    let rollbacks = rollbacks.collect::<Result<Vec<_>>>()?;
    let (fragments, backfill) = (figure(&status, "/fragments")?, figure(&first, "/seconds")?);
    Ok(Index { chunks, fragments, backfill, rollbacks })
}

/// Changes documents, and takes that back.
fn roll_back(workspace: &Workspace, corpus: &Corpus, to: &str, round: u32) -> Result<Rollback> {
    edit(corpus, round)?;
    let changed = alluvium(workspace, &["backfill", corpus.pipeline()])?;
    ensure!(figure(&changed, "/documents/indexed")? == f64::from(EDITED), "not what was edited: {changed}");
    let start = Instant::now();
    let result = alluvium(workspace, &["rollback", corpus.pipeline(), "--to", to])?;
    let process = start.elapsed().as_secs_f64();
    let restored = figure(&result, "/documents/restored")?;
    ensure!(restored == f64::from(EDITED), "not what was changed: {result}");
    alluvium(workspace, &["resume", corpus.pipeline()])?;
    Ok(Rollback { own: figure(&result, "/seconds")?, process })
}

fn edit(corpus: &Corpus, revision: u32) -> Result<()> {
    (0..EDITED).try_for_each(|number| corpus.write(&name(number), &note(number, revision)))
}

/// A document of so many paragraphs, each of which becomes a row.
fn long(document: u32, rows: u32) -> String {
    (0..rows).map(|row| format!("Row {document} {row}.\n\n")).collect()
}

fn body(small: &Index, large: &Index) -> Result<String> {
    let mut text = format!(
        "`alluvium rollback --to` the first publish, after an edit of {EDITED} documents, {ROUNDS} times with \
         `resume` and a backfill in between; {FAST_MODEL}, chunks of one short line (`max_tokens = {MAX_TOKENS}`). \
         Goal: at most 1 s, whatever the size of the index.\n\n\
         | rows | fragments | first backfill, s | rollback, s: least | median | most | whole process, median, s |\n\
         |---|---|---|---|---|---|---|\n"
    );
    for index in [small, large] {
        let own = |least: bool| {
            let figures = index.rollbacks.iter().map(|rollback| rollback.own);
            if least { figures.fold(f64::INFINITY, f64::min) } else { figures.fold(0.0, f64::max) }
        };
        text.push_str(&format!(
            "| {} | {} | {:.0} | {:.2} | {:.2} | {:.2} | {:.2} |\n",
            index.chunks,
            index.fragments,
            index.backfill,
            own(true),
            median_of(&index.rollbacks, |rollback| rollback.own),
            own(false),
            median_of(&index.rollbacks, |rollback| rollback.process)
        ));
    }
    let process = |index: &Index| median_of(&index.rollbacks, |rollback| rollback.process);
    let times = ratio(process(large), process(small))?;
    text.push_str(&format!(
        "\nThe large one takes **{times:.2}** times as long as the small one, whole processes, at {:.0} times \
         the rows.",
        large.chunks / small.chunks
    ));
    Ok(text)
}
