//! Questions in twelve languages over texts in them: found or not, by words, by meaning and by both.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use serde_json::Value;

use super::Size;
use super::corpus::{Corpus, Shape};
use super::program::{figure, last_line};
use super::report::Section;
use crate::cargo::run as run_command;
use crate::setup::{self, Needs};
use crate::workspace::Workspace;

/// The texts, and for each language one question in the words of a text and two in other words.
const LANGUAGES: &str = include_str!("questions/languages.json");
/// The right document is to be among so many passages.
const AMONG: usize = 3;
const MODES: [&str; 3] = ["fts", "vector", "hybrid"];
const MODELS: [&str; 2] = ["all-MiniLM-L6-v2", "potion-base-8M"];

#[derive(Debug, Deserialize)]
struct Language {
    language: String,
    documents: BTreeMap<String, String>,
    questions: Vec<Question>,
}

#[derive(Debug, Deserialize)]
struct Question {
    /// The document that answers it.
    right: String,
    text: String,
}

/// Questions found of a language, by mode.
type Found = Vec<[usize; MODES.len()]>;

pub(super) fn run(workspace: &Workspace, size: &Size) -> Result<Section> {
    setup::run(workspace, Needs::Tests)?;
    if !size.no_build {
        let _target = workspace.take_target()?;
        run_command(&mut workspace.cargo(&["build", "--workspace", "--bin", "alluvium"]))?;
    }
    let languages: Vec<Language> = serde_json::from_str(LANGUAGES).context("languages.json")?;
    let now = workspace.binary("alluvium");
    let programs: Vec<(&str, PathBuf)> =
        size.before.iter().map(|before| ("before", before.clone())).chain([("now", now)]).collect();
    let mut text = intro(&languages);
    for model in MODELS {
        let mut columns = Vec::new();
        for (name, program) in &programs {
            columns.push((*name, asked_all(workspace, program, model, &languages)?));
        }
        text.push_str(&table(model, &languages, &columns));
    }
    Ok(Section { title: "Questions in twelve languages", body: text })
}

fn intro(languages: &[Language]) -> String {
    let documents: usize = languages.iter().map(|language| language.documents.len()).sum();
    let questions: usize = languages.iter().map(|language| language.questions.len()).sum();
    format!(
        "{documents} texts of two sentences in {} languages, all in one index, and {questions} questions in the \
         language of their text: of each three the first takes words of it, the others say it in other words. \
         Found means that the text is among the first {AMONG} passages. The models of the registry were taught \
         English; by words (`fts`), by meaning (`vector`) and by both (`hybrid`). A search that ends with an error \
         finds nothing. Built with the dev profile, which changes no answer.\n",
        languages.len()
    )
}

/// Loads all texts into an index, and asks everything.
fn asked_all(workspace: &Workspace, program: &Path, model: &str, languages: &[Language]) -> Result<Found> {
    let corpus = Corpus::new(&Shape { model, ..Shape::default() })?;
    for Language { language, documents, .. } in languages {
        for (name, text) in documents {
            corpus.write(&format!("{language}/{name}.txt"), text)?;
        }
    }
    let loaded = answer(workspace, program, &["backfill", corpus.pipeline(), "--format", "json"])?;
    let documents: usize = languages.iter().map(|language| language.documents.len()).sum();
    ensure!(figure(&loaded, "/documents/seen")? == documents as f64, "not all were seen: {loaded}");
    println!("{}: {loaded}", program.display());
    let ask = |language: &Language| {
        MODES.map(|mode| {
            let found =
                |question: &&Question| is_found(workspace, program, &corpus, mode, language, question);
            language.questions.iter().filter(found).count()
        })
    };
    Ok(languages.iter().map(ask).collect())
}

fn is_found(
    workspace: &Workspace,
    program: &Path,
    corpus: &Corpus,
    mode: &str,
    language: &Language,
    question: &Question,
) -> bool {
    let limit = AMONG.to_string();
    let args = ["search", corpus.pipeline(), &question.text, "--as", "group:bench", "--mode", mode];
    let args = [&args[..], &["--limit", &limit, "--format", "json"]].concat();
    let Ok(answer) = answer(workspace, program, &args) else { return false };
    let right = format!("docs/{}/{}.txt", language.language, question.right);
    let is_right = |hit: &Value| hit.get("doc_id").and_then(Value::as_str) == Some(&right);
    answer.get("hits").and_then(Value::as_array).is_some_and(|hits| hits.iter().any(is_right))
}

/// The JSON that a program's last line is, however it ended: a backfill that refused documents says so by its
/// exit code.
fn answer(workspace: &Workspace, program: &Path, args: &[&str]) -> Result<Value> {
    let output = workspace.program(program, args).output().context("the program can't be run")?;
    last_line(&String::from_utf8_lossy(&output.stdout))
}

fn table(model: &str, languages: &[Language], columns: &[(&str, Found)]) -> String {
    let heads = columns.iter().flat_map(|(name, _)| MODES.map(|mode| format!(" {mode}, {name} |")));
    let mut text = format!("\n{model}:\n\n| language |{}\n|---|", heads.collect::<String>());
    text.push_str(&"---|".repeat(columns.len() * MODES.len()));
    for (place, language) in languages.iter().enumerate() {
        let of = language.questions.len();
        text.push_str(&format!("\n| {} |", language.language));
        for found in columns.iter().filter_map(|(_, found)| found.get(place)).flatten() {
            text.push_str(&format!(" {found} of {of} |"));
        }
    }
    let all: usize = languages.iter().map(|language| language.questions.len()).sum();
    text.push_str("\n| **all** |");
    for (_, found) in columns {
        for mode in 0..MODES.len() {
            let sum: usize = found.iter().filter_map(|row| row.get(mode)).sum();
            text.push_str(&format!(" **{sum} of {all}** |"));
        }
    }
    text.push('\n');
    text
}
