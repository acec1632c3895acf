//! From a saved file to a search that finds it, beside a running daemon.

use anyhow::Result;
use serde_json::Value;

use super::child::Running;
use super::corpus::{Corpus, Shape};
use super::program::{figure, figures, python, ready};
use super::report::Section;
use super::{Size, percentile, ratio};
use crate::setup::Needs;
use crate::workspace::Workspace;

/// Embedding takes its time, as it does in service.
const MODEL: &str = "all-MiniLM-L6-v2";
const SETTLE: &str = "300ms";

pub(super) fn run(workspace: &Workspace, size: &Size) -> Result<Section> {
    ready(workspace, Needs::Tests, size)?;
    let more = format!("[commit]\ninterval = \"{}\"\n[run]\nsettle = \"{SETTLE}\"", size.commit_interval);
    let corpus = Corpus::new(&Shape { model: MODEL, more: &more, ..Shape::default() })?;
    let documents = size.documents_or(600);
    corpus.fill(documents)?;
    let mut daemon = Running::start(workspace, "run", &corpus)?;
    let measured = measure(workspace, size, &corpus, documents);
    let measured = measured.map_err(|error| error.context(format!("the daemon's log{}", daemon.said())))?;
    daemon.resident()?;
    daemon.terminate(workspace)?;
    Ok(Section {
        title: "From a saved file to a search that finds it",
        body: body(size, documents, &measured)?,
    })
}

fn measure(workspace: &Workspace, size: &Size, corpus: &Corpus, documents: u32) -> Result<Value> {
    let (index, docs) = (corpus.index(), corpus.docs());
    let (documents, samples) = (documents.to_string(), size.samples.to_string());
    println!("measuring; two to three seconds a sample");
    let args = [&*index.to_string_lossy(), &*docs.to_string_lossy(), &documents, &samples];
    python(workspace, "freshness.py", &args)
}

fn body(size: &Size, documents: u32, measured: &Value) -> Result<String> {
    let mut text = format!(
        "`alluvium run`, {documents} text files of about 100 words, {MODEL}, `commit.interval = \"{}\"`, \
         `run.settle = \"{SETTLE}\"`. Measured from before the file is opened for writing until a reader that is \
         already running has found the new text at the version that the newest ledger record names: it lists the \
         ledger every 2 ms, opens what a new record names, and asks for the document's text, with LanceDB for \
         Python. Every other save makes a new file, the others change it. Half load: another process rewrites \
         documents, evenly spaced, at half the rate at which the daemon worked off a burst of {} rewritten files \
         ({:.1} a second). Goal: p99 at most 2 s.\n\n\
         | daemon | samples | p50, s | p90, s | p99, s | most, s |\n|---|---|---|---|---|---|\n",
        size.commit_interval,
        figure(measured, "/burst/documents")?,
        figure(measured, "/burst/rate")?,
    );
    let mut p99 = Vec::new();
    for (state, pointer) in [("idle", "/idle"), ("half load", "/load/seconds")] {
        let seconds = figures(measured, pointer)?;
        let most = seconds.iter().copied().fold(0.0, f64::max);
        p99.push(percentile(&seconds, 99));
        text.push_str(&format!(
            "| {state} | {} | {:.2} | {:.2} | **{:.2}** | {most:.2} |\n",
            seconds.len(),
            percentile(&seconds, 50),
            percentile(&seconds, 90),
            percentile(&seconds, 99),
        ));
    }
    let (saved, asked) = (figure(measured, "/load/rate")?, figure(measured, "/burst/rate")? / 2.0);
    text.push_str(&format!(
        "\nThe load was {saved:.1} saves a second ({:.2} of the half), and its last save was found {:.1} s after it \
         had ended, which would be far longer had the daemon fallen behind.",
        ratio(saved, asked)?,
        figure(measured, "/load/drain")?,
    ));
    Ok(text)
}
