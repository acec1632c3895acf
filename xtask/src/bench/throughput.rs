//! A backfill against its own embedder: whether everything else hides behind embedding.

use std::fs;
use std::path::Path;
use std::thread::available_parallelism;
use std::time::Instant;

use anyhow::{Context, Result};
use serde_json::Value;

use super::program::{alluvium, binary, figure, json_of, ready};
use super::report::Section;
use super::{Size, median};
use crate::folder::copy_folder;
use crate::setup::Needs;
use crate::workspace::Workspace;

const MODEL: &str = "all-MiniLM-L6-v2";
const ROUNDS: usize = 5;
const COPIES: usize = 4;

pub(super) fn run(workspace: &Workspace, size: &Size) -> Result<Section> {
    ready(workspace, Needs::Demo, size)?;
    let folder = tempfile::tempdir()?;
    copy_corpus(&workspace.root.join("pipelines").join("demo"), &folder.path().join("docs"))?;
    let mut rows = Vec::new();
    for round in 0..ROUNDS {
        rows.push(measure(workspace, folder.path(), round)?);
    }
    Ok(Section { title: "Backfill against its own embedder", body: body(&rows) })
}

struct Row {
    chunks: f64,
    backfill: f64,
    process: f64,
    embedder: f64,
}

fn measure(workspace: &Workspace, folder: &Path, round: usize) -> Result<Row> {
    let pipeline = folder.join(format!("round-{round}.toml"));
    fs::write(&pipeline, pipeline_text(round))?;
    let pipeline = pipeline.to_string_lossy().into_owned();
    let start = Instant::now();
    let report = alluvium(workspace, &["backfill", &pipeline])?;
    let process = start.elapsed().as_secs_f64();
    let texts = folder.join("texts.json");
    let search = ["search", &pipeline, "anything", "--as", "group:bench", "--limit", "1000"];
    let found = alluvium(workspace, &search)?;
    let hits = found.pointer("/hits").and_then(Value::as_array).context("search gave no hits")?;
    let list: Vec<_> = hits.iter().filter_map(|hit| hit.get("text")).collect();
    fs::write(&texts, serde_json::to_vec(&list)?)?;
    let embedded = figure(&report, "/chunks/embedded")?;
    anyhow::ensure!(list.len() as f64 == embedded, "{} texts for {embedded} chunks", list.len());
    let sessions = available_parallelism()?.to_string();
    let texts = texts.to_string_lossy().into_owned();
    let direct =
        json_of(workspace, &binary(workspace, "examples/embed_directly"), &[MODEL, &sessions, &texts])?;
    Ok(Row {
        chunks: embedded,
        backfill: figure(&report, "/seconds")?,
        process,
        embedder: figure(&direct, "/seconds")?,
    })
}

fn body(rows: &[Row]) -> String {
    let ratios: Vec<f64> = rows.iter().map(|r| r.embedder / r.backfill).collect();
    let whole: Vec<f64> = rows.iter().map(|r| r.embedder / r.process).collect();
    let mut text = format!(
        "The demo corpus {COPIES} times over, {MODEL}, a new index each round. The embedder alone gets the same \
         chunks, one text a run, one session a core, its sessions opened beforehand. Goal: at least 0.90.\n\n\
         | round | chunks | backfill, s | whole process, s | embedder alone, s | chunks/s, backfill ÷ embedder | \
         whole process ÷ embedder |\n|---|---|---|---|---|---|---|\n"
    );
    for (i, r) in rows.iter().enumerate() {
        let (ratio, whole) = (r.embedder / r.backfill, r.embedder / r.process);
        text.push_str(&format!(
            "| {} | {} | {:.1} | {:.1} | {:.1} | {ratio:.2} | {whole:.2} |\n",
            i + 1,
            r.chunks,
            r.backfill,
            r.process,
            r.embedder
        ));
    }
    text.push_str(&format!("\nMedian: **{:.2}**, whole process {:.2}.", median(&ratios), median(&whole)));
    text
}

fn pipeline_text(round: usize) -> String {
    format!(
        "version = 1\nname = \"bench\"\n[index]\nuri = \"index-{round}\"\n[model]\nname = \"{MODEL}\"\n\
         [chunk]\nmax_tokens = 256\noverlap_tokens = 32\n[[source]]\nname = \"docs\"\ntype = \"filesystem\"\n\
         root = \"docs\"\ninclude = [\"**/*\"]\ndefault_acl = {{ readers = [\"group:bench\"] }}\n"
    )
}

/// Copies of every document, without access lists.
fn copy_corpus(from: &Path, to: &Path) -> Result<()> {
    for copy in 0..COPIES {
        copy_folder(from, &to.join(copy.to_string()), &|name| !name.ends_with(".acl.toml"))?;
    }
    Ok(())
}
