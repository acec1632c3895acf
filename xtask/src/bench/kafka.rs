//! Events from a broker into the index, without a model.

use anyhow::{Context, Result};
use serde_json::Value;

use super::commits::list;
use super::program::{binary, figure, json_of, ready};
use super::report::Section;
use super::{Size, ratio};
use crate::broker::Broker;
use crate::setup::Needs;
use crate::workspace::Workspace;

pub(super) fn run(workspace: &Workspace, size: &Size) -> Result<Section> {
    ready(workspace, Needs::Broker, size)?;
    let folder = tempfile::tempdir()?;
    let broker = Broker::start(workspace, folder.path())?;
    let indexes = folder.path().join("indexes").to_string_lossy().into_owned();
    let program = binary(workspace, "examples/measure_kafka");
    let args = [broker.address.as_str(), indexes.as_str(), &size.events.to_string()];
    let measured = json_of(workspace, &program, &args)?;
    Ok(Section { title: "Events from Kafka", body: body(&measured)? })
}

fn body(measured: &Value) -> Result<String> {
    Ok([throughput(measured)?, latency(measured)?, preparers(measured)?].join("\n\n"))
}

fn throughput(measured: &Value) -> Result<String> {
    let at = |pointer: &str| figure(measured, pointer);
    let bare = at("/throughput/bare")?;
    let mut text = format!(
        "{} events of some forty words each, all new, in 8 partitions of a broker (`nisshi`) on the same \
         machine; vectors are made up at no cost, one a document. Read to the end by a consumer that does \
         nothing else, and by the pipeline, guarded and committed. Goals: half of the bare consumer, and \
         5,000 a second.\n\n\
         | | events/s | of bare | commits | time within commits |\n|---|---|---|---|---|\n\
         | bare consumer | {bare:.0} | 1 | | |\n",
        at("/throughput/events")?
    );
    for pace in list(measured, "/throughput/paces")? {
        let name = pace["pace"].as_str().context("no name of a pace")?;
        let rate = figure(pace, "/rate")?;
        text.push_str(&format!(
            "| {name} | {rate:.0} | **{:.2}** | {} | {:.0} % |\n",
            ratio(rate, bare)?,
            figure(pace, "/commits")?,
            figure(pace, "/in_commits")? * 100.0
        ));
    }
    Ok(text.trim_end().to_owned())
}

fn latency(measured: &Value) -> Result<String> {
    let at = |pointer: &str| figure(measured, &format!("/latency{pointer}"));
    Ok(format!(
        "From an event's time to the record that has it, {} events at {:.0} a second, half of what the pipeline \
         takes, with the default commit interval of a second: p50 **{:.2} s**, p99 **{:.2} s**, at most {:.2} s. \
         Goal: p99 under 2 s.",
        at("/events")?,
        at("/rate")?,
        at("/p50")?,
        at("/p99")?,
        at("/most")?
    ))
}

fn preparers(measured: &Value) -> Result<String> {
    let at = |pointer: &str| figure(measured, &format!("/preparers{pointer}"));
    let mut text = format!(
        "Preparers of one group with a model that sleeps for 10 ms a document in each of two sessions, which \
         allows {:.0} documents a second each; {} documents. Goal: 0.9 of linear.\n\n\
         | preparers | documents/s | of linear |\n|---|---|---|\n",
        at("/most")?,
        at("/events")?
    );
    let one = at("/rates/0/rate")?;
    for rate in list(measured, "/preparers/rates")? {
        let (preparers, rate) = (figure(rate, "/preparers")?, figure(rate, "/rate")?);
        text.push_str(&format!("| {preparers} | {rate:.0} | **{:.2}** |\n", ratio(rate, one * preparers)?));
    }
    Ok(text.trim_end().to_owned())
}
