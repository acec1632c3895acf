//! From a file that is saved beside a first load to a search that finds it, and what the load pays for it.

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
    let documents = size.documents_or(3_000);
    println!("two loads of {documents} files");
    let alone = measure(workspace, size, documents, 0)?;
    let beside = measure(workspace, size, documents, size.samples)?;
    Ok(Section {
        title: "A file that is saved beside a first load",
        body: body(size, documents, &alone, &beside)?,
    })
}

fn measure(workspace: &Workspace, size: &Size, documents: u32, samples: u32) -> Result<Value> {
    let more = format!("[commit]\ninterval = \"{}\"\n[run]\nsettle = \"{SETTLE}\"", size.commit_interval);
    let corpus = Corpus::new(&Shape { model: MODEL, more: &more, ..Shape::default() })?;
    corpus.fill(documents)?;
    let mut daemon = Running::start(workspace, "run", &corpus)?;
    let (index, docs) = (corpus.index(), corpus.docs());
    let (documents, samples) = (documents.to_string(), samples.to_string());
    let args = ["beside", &*index.to_string_lossy(), &*docs.to_string_lossy(), &documents, &samples];
    let measured = python(workspace, "freshness.py", &args);
    let measured = measured.map_err(|error| error.context(format!("the daemon's log{}", daemon.said())))?;
    daemon.resident()?;
    daemon.terminate(workspace)?;
    Ok(measured)
}

fn body(size: &Size, documents: u32, alone: &Value, beside: &Value) -> Result<String> {
    let seconds = figures(beside, "/seconds")?;
    let most = seconds.iter().copied().fold(0.0, f64::max);
    let (alone, loaded) = (figure(alone, "/load")?, figure(beside, "/load")?);
    Ok(format!(
        "`alluvium run` over {documents} text files of about 100 words that the index does not know, {MODEL}, \
         `commit.interval = \"{}\"`, `run.settle = \"{SETTLE}\"`. Once the first of them are found, new files are \
         saved one after the other beside the load, each once the one before was found; measured as for a \
         saved file. Goal: at most 3 s.\n\n\
         | saves | p50, s | p90, s | most, s | load with saves, s | load alone, s | throughput, with / alone |\n\
         |---|---|---|---|---|---|---|\n\
         | {} | {:.2} | {:.2} | **{most:.2}** | {loaded:.1} | {alone:.1} | **{:.2}** |\n",
        size.commit_interval,
        seconds.len(),
        percentile(&seconds, 50),
        percentile(&seconds, 90),
        ratio(alone, loaded)?,
    ))
}
