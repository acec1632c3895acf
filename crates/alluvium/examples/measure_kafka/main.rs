//! Measures Kafka's way into the index without extraction or a model: vectors are made up. `cargo xtask
//! bench kafka` starts a broker, runs it and writes its figures down; the last line of its output is JSON.
//!
//! `measure_kafka BROKER FOLDER EVENTS`

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "figures to stdout, progress to stderr")]

mod broker;
mod follow;
mod made_up;
mod preparers;
mod throughput;
mod watched;

use std::error::Error;
use std::path::Path;

use serde_json::json;

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

#[tokio::main]
async fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [broker, folder, events] = arguments.as_slice() else {
        return Err("usage: measure_kafka BROKER FOLDER EVENTS; see the first lines of the program".into());
    };
    let (folder, events) = (Path::new(folder), events.parse()?);
    let throughput = throughput::measure(broker, folder, events).await?;
    let rate = throughput.default_rate() / 2.0;
    let latency = follow::measure(broker, folder, rate, events).await?;
    let preparers = preparers::measure(broker, events / 5).await?;
    let throughput = throughput.figures();
    println!("{}", json!({"throughput": throughput, "latency": latency, "preparers": preparers}));
    Ok(())
}
