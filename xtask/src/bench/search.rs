//! Recall and latency of searches over real text, under filters that admit much and little.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::commits::list;
use super::corpus::FAST_MODEL;
use super::program::{alluvium, figure, measure_index, ready};
use super::real_text::documents;
use super::report::Section;
use super::{Size, ratio};
use crate::setup::Needs;
use crate::workspace::Workspace;

/// Groups, and of how many documents they may read one.
const GROUPS: [(&str, usize); 5] = [
    ("group:all", 1),
    ("group:tenth", 10),
    ("group:twentieth", 20),
    ("group:hundredth", 100),
    ("group:few", 10_000),
];
/// Of so many documents one is not indexed, and a passage of it is a question.
const HELD_BACK: usize = 200;
const QUESTIONS: usize = 200;
/// Bytes of a question.
const QUESTION: usize = 160;
const MAX_TOKENS: u32 = 64;
/// Bytes of a passage of so many tokens, rather few of them: so many documents are written that there are
/// rows enough.
const PASSAGE: usize = 150;

pub(super) fn run(workspace: &Workspace, size: &Size) -> Result<Section> {
    ready(workspace, Needs::Demo, size)?;
    let folder = tempfile::tempdir()?;
    let written = write(workspace, folder.path(), size.rows as usize)?;
    println!("backfill of {written} documents");
    let made = index(workspace, folder.path(), "texts")?;
    index(workspace, folder.path(), "questions")?;
    let path = |name: &str| folder.path().join(name).to_string_lossy().into_owned();
    let groups: Vec<&str> = GROUPS.iter().map(|(group, _)| *group).collect();
    let (texts, questions) = (path("texts-index"), path("questions-index"));
    let measured = measure_index(workspace, &[&["search", &texts, &questions], groups.as_slice()].concat())?;
    Ok(Section { title: "Search under filters", body: body(&made, &measured)? })
}

/// Writes the documents and the questions as events; gives how many documents there are.
fn write(workspace: &Workspace, folder: &Path, rows: usize) -> Result<usize> {
    let create = |name: &str| anyhow::Ok(BufWriter::new(File::create(folder.join(name))?));
    let (mut texts, mut questions) = (create("texts.jsonl")?, create("questions.jsonl")?);
    let (mut written, mut asked, mut bytes) = (0, 0, 0);
    for (number, text) in documents(workspace)?.enumerate() {
        if number % HELD_BACK == HELD_BACK - 1 && asked < QUESTIONS {
            let question: String = text.chars().skip(text.chars().count() / 2).take(QUESTION).collect();
            event(&mut questions, asked, &question, &["group:all"])?;
            asked += 1;
            continue;
        }
        let readers = GROUPS.iter().filter(|(_, of)| written % of == 0).map(|(group, _)| *group);
        event(&mut texts, written, &text, &readers.collect::<Vec<_>>())?;
        written += 1;
        bytes += text.len();
        if bytes >= rows * PASSAGE {
            break;
        }
    }
    texts.flush()?;
    questions.flush()?;
    ensure!(asked > 0, "there is too little text on this machine");
    Ok(written)
}

fn event(file: &mut impl Write, number: usize, text: &str, readers: &[&str]) -> Result<()> {
    let event = json!({
        "schema": "alluvium.document_change.v1", "op": "upsert", "id": number.to_string(), "version": 1,
        "content": { "text": text, "media_type": "text/plain" }, "acl": { "readers": readers, "denied": [] },
    });
    writeln!(file, "{event}").context("cannot write events")
}

/// Makes an index of the events of a name; gives what the program said.
fn index(workspace: &Workspace, folder: &Path, name: &str) -> Result<Value> {
    let pipeline = folder.join(format!("{name}.toml"));
    let text = format!(
        "version = 1\nname = \"{name}\"\n[index]\nuri = \"{name}-index\"\n[model]\nname = \"{FAST_MODEL}\"\n\
         [chunk]\nmax_tokens = {MAX_TOKENS}\noverlap_tokens = 0\n[[source]]\nname = \"events\"\ntype = \"jsonl\"\n\
         path = \"{name}.jsonl\"\n"
    );
    std::fs::write(&pipeline, text)?;
    let pipeline = pipeline.to_string_lossy();
    let made = alluvium(workspace, &["backfill", &pipeline])?;
    alluvium(workspace, &["maintain", &pipeline])?;
    Ok(made)
}

fn body(made: &Value, measured: &Value) -> Result<String> {
    let mut text = format!(
        "Real text: READMEs and sources of the crates that this project is built from, cut into documents of at \
         most 4 KB and passages of at most {MAX_TOKENS} tokens, {FAST_MODEL}. {} questions, each a passage of a \
         document that is not in the index; 10 hits each, by vector, in one process, after five searches that \
         don't count. Groups may read every document, or one in so many. *Exact* compares one by one all that the \
         filter admits, and is what recall is measured against; *index* forces the approximate index; *as it is* is \
         what users get. Goals: recall at least 0.95, p50 at most twice that of the unfiltered search, or 50 ms.\n\n\
         | rows | admitted | way | scanned by | recall@10: mean | least | p50, ms | p99, ms | p50 ÷ unfiltered |\n\
         |---|---|---|---|---|---|---|---|---|\n",
        figure(measured, "/queries")?
    );
    let groups = list(measured, "/groups")?;
    let mut unfiltered = None;
    for group in groups {
        let ways = list(group, "/ways")?;
        let admitted = ways.iter().find_map(|way| figure(way, "/admitted").ok());
        for way in ways {
            let name = way.get("way").and_then(Value::as_str).unwrap_or_default();
            let p50 = figure(way, "/milliseconds/p50")?;
            if name == "as it is" && unfiltered.is_none() {
                unfiltered = Some(p50);
            }
            let times = unfiltered.map(|all| ratio(p50, all)).transpose()?;
            text.push_str(&format!(
                "| {} | {} | {name} | {} | {:.3} | {:.1} | {p50:.1} | {:.1} | {} |\n",
                figure(way, "/rows")?,
                admitted.map_or_else(String::new, |admitted| admitted.to_string()),
                way.get("scan").and_then(Value::as_str).unwrap_or_default(),
                figure(way, "/recall")?,
                figure(way, "/worst_recall")?,
                figure(way, "/milliseconds/p99")?,
                times.map_or_else(String::new, |times| format!("{times:.2}")),
            ));
        }
    }
    text.push_str(&format!("\nThe index was made by a backfill of {:.0} s.", figure(made, "/seconds")?));
    Ok(text)
}
