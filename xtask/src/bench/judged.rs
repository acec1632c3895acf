//! How well searches rank judged collections, mode by mode, beside plain references.

use anyhow::{Context, Result};
use serde_json::Value;

use super::Size;
use super::program::{binary, figure, python, ready};
use super::report::Section;
use crate::setup::Needs;
use crate::workspace::Workspace;

const MODEL: &str = "all-MiniLM-L6-v2";

pub(super) fn run(workspace: &Workspace, size: &Size) -> Result<Section> {
    ready(workspace, Needs::Demo, size)?;
    let own = workspace.root.join("tests").join("judged").join("collection.json");
    let cisi = workspace.root.join("..").join("shared").join("retrieval").join("cisi");
    let mut body = format!(
        "One file a document, hits grouped by document, {MODEL}; `judged.py` says what the references are.\n"
    );
    for (name, path) in [("Own collection, in nine languages", own), ("CISI", cisi)] {
        if !path.exists() {
            body.push_str(&format!("\n{name}: not measured, it is not on this machine.\n"));
            continue;
        }
        let folder = tempfile::tempdir()?;
        let paths = [binary(workspace, "alluvium"), folder.path().join("collection"), path];
        let [program, folder, path] = paths.map(|path| path.to_string_lossy().into_owned());
        body.push_str(&table(name, &python(workspace, "judged.py", &[&program, &folder, &path, MODEL])?)?);
    }
    Ok(Section { title: "Judged collections", body })
}

fn table(name: &str, measured: &Value) -> Result<String> {
    let mut text = format!(
        "\n{name}: {} documents, {} questions.\n\n| | nDCG@10 | recall@10 |\n|---|---|---|\n",
        figure(measured, "/documents")?,
        figure(measured, "/questions")?
    );
    for (mode, figures) in measured.get("modes").and_then(Value::as_object).context("no modes")? {
        let (ndcg, recall) = (figure(figures, "/ndcg")?, figure(figures, "/recall")?);
        text.push_str(&format!("| {mode} | {ndcg:.3} | {recall:.3} |\n"));
    }
    Ok(text)
}
