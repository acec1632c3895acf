//! What commits and rollbacks cost as an index grows and as it grows old, without a model.

use anyhow::{Context, Result};
use serde_json::Value;

use super::program::{figure, measure_index, ready};
use super::report::Section;
use super::{Size, ratio};
use crate::setup::Needs;
use crate::workspace::Workspace;

/// Sizes as parts of the largest.
const PARTS: [u32; 3] = [100, 10, 1];

pub(super) fn sizes(workspace: &Workspace, size: &Size) -> Result<Section> {
    ready(workspace, Needs::Tests, size)?;
    let folder = tempfile::tempdir()?;
    let folder = folder.path().join("index").to_string_lossy().into_owned();
    let rows = PARTS.map(|part| (size.rows / part).to_string());
    let args: Vec<&str> = ["sizes", &folder].into_iter().chain(rows.iter().map(String::as_str)).collect();
    let measured = measure_index(workspace, &args)?;
    Ok(Section { title: "A commit and a rollback as the index grows", body: sizes_body(&measured)? })
}

fn sizes_body(measured: &Value) -> Result<String> {
    let (documents, chunks) = (figure(measured, "/documents")?, figure(measured, "/chunks")?);
    let mut text = format!(
        "Commits of {documents} documents of {chunks} made-up passages with vectors of 384 numbers around a \
         thousand topics, half of the documents new and half edited, {} at each size, in turn, each index \
         opened anew before; `durability = \"power\"`; a commit's time includes the maintenance that it sets \
         off, which few do, so that medians are without; the vector index is trained before. Then rollbacks to \
         before an edit of {documents} documents and a change of the access lists of so many documents, each \
         of {chunks} passages. Goals: the largest index at most 1.5 times the smallest; a rollback over 1,000 \
         lists at most 1 s.\n\n\
         | rows | commit, ms: p50 | p90 | most | rollback over lists: ms |\n|---|---|---|---|---|\n",
        figure(measured, "/commits")?
    );
    let sizes = list(measured, "/sizes")?;
    for size in sizes {
        let rollbacks = list(size, "/rollbacks")?.iter().map(|rollback| {
            let (lists, time) = (figure(rollback, "/policies")?, figure(rollback, "/milliseconds")?);
            Ok(format!("{lists}: {time:.0}"))
        });
        text.push_str(&format!(
            "| {} | {:.1} | {:.1} | {:.1} | {} |\n",
            figure(size, "/rows")?,
            figure(size, "/commit/p50")?,
            figure(size, "/commit/p90")?,
            figure(size, "/commit/most")?,
            rollbacks.collect::<Result<Vec<_>>>()?.join("; ")
        ));
    }
    let p50 = |size: Option<&Value>| figure(size.context("no sizes")?, "/commit/p50");
    let times = ratio(p50(sizes.last())?, p50(sizes.first())?)?;
    text.push_str(&format!("\nThe largest over the smallest, medians of commits: **{times:.2}**."));
    Ok(text)
}

pub(super) fn flow(workspace: &Workspace, size: &Size) -> Result<Section> {
    ready(workspace, Needs::Tests, size)?;
    let folder = tempfile::tempdir()?;
    let folder = folder.path().join("index").to_string_lossy().into_owned();
    let measured = measure_index(workspace, &["flow", &folder, &size.commits.to_string()])?;
    Ok(Section { title: "Thousands of small commits", body: flow_body(&measured)? })
}

fn flow_body(measured: &Value) -> Result<String> {
    let at = |pointer: &str| figure(measured, pointer);
    let hundreds = list(measured, "/hundreds")?;
    let mut text = format!(
        "{} commits of ten documents of ten made-up passages each, every other document an edit, into an index \
         that begins empty; the clock goes on by an hour before each, `keep_for` and `keep_last` as they are by \
         default (a week, 100 records). A commit's time includes all maintenance after it: compaction, indexes, \
         the vector index, vacuum. Goal: the last hundred over the first at most 1.5.\n\n\
         | commits | mean, ms | p50 | p99 | most |\n|---|---|---|---|---|\n",
        at("/commits")?
    );
    for (i, hundred) in hundreds.iter().enumerate() {
        if i == 0 || i + 1 == hundreds.len() || (i + 1) % 5 == 0 {
            text.push_str(&format!(
                "| {}–{} | {:.1} | {:.1} | {:.1} | {:.0} |\n",
                i * 100 + 1,
                i * 100 + 100,
                figure(hundred, "/mean")?,
                figure(hundred, "/p50")?,
                figure(hundred, "/p99")?,
                figure(hundred, "/most")?
            ));
        }
    }
    let of = |pointer: &str| -> Result<f64> {
        let of = |hundred: Option<&Value>| figure(hundred.context("no hundreds")?, pointer);
        ratio(of(hundreds.last())?, of(hundreds.first())?)
    };
    let beside = |pointer: &str| -> Result<f64> {
        let of = |which: &str| at(&format!("/beside/{which}{pointer}"));
        ratio(of("old")?, of("new")?)
    };
    text.push_str(&format!(
        "\nThe last hundred over the first: means **{:.2}**, medians {:.2}. The next {} hundred, each beside one \
         of the first hundred of another index, so that both meet the same machine: means **{:.2}** ({:.1} over \
         {:.1} ms), medians {:.2} ({:.1} over {:.1} ms). Commits that set off maintenance: {}, the longest \
         **{:.2} s** with it.\n\n\
         Written: {:.0} MB for {:.0} MB of new text and vectors, **{:.1}** bytes a byte ({:.1} reached the disk, \
         as the kernel counts). Left behind: {} files, {:.0} MB; records {} to {} are kept.",
        of("/mean")?,
        of("/p50")?,
        at("/beside/indexes")?,
        beside("/mean")?,
        at("/beside/old/mean")?,
        at("/beside/new/mean")?,
        beside("/p50")?,
        at("/beside/old/p50")?,
        at("/beside/new/p50")?,
        at("/maintaining/commits")?,
        at("/maintaining/milliseconds/most")? / 1000.0,
        at("/written")? / 1e6,
        at("/new_bytes")? / 1e6,
        ratio(at("/written")?, at("/new_bytes")?)?,
        ratio(at("/disk")?, at("/new_bytes")?)?,
        at("/files")?,
        at("/bytes")? / 1e6,
        at("/records/1")?,
        at("/records/0")?
    ));
    Ok(text)
}

/// The values of a list within a result.
pub(super) fn list<'v>(value: &'v Value, pointer: &str) -> Result<&'v Vec<Value>> {
    value.pointer(pointer).and_then(Value::as_array).with_context(|| format!("no list {pointer}"))
}
