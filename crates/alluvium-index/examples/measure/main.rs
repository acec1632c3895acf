//! Measures the index without extraction or a model: vectors are made up. `cargo xtask bench` runs it and
//! writes its figures down; the last line of its output is JSON.
//!
//! - `measure sizes FOLDER ROWS...`: commits and rollbacks of an index of each size, smallest first.
//! - `measure flow FOLDER COMMITS`: consecutive commits, maintenance included.
//! - `measure search INDEX QUERIES GROUP...`: recall and latency of searches as each group, over an index
//!   that is there; the questions are the passages of another.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "figures to stdout, progress to stderr")]

mod figures;
mod flow;
mod made_up;
mod search;
mod sizes;

use std::error::Error;
use std::path::Path;

use tracing_subscriber::EnvFilter;

/// That of the program.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

#[tokio::main]
async fn main() -> Result<()> {
    let named = EnvFilter::from_env("ALLUVIUM_LOG");
    tracing_subscriber::fmt().with_env_filter(named).with_writer(std::io::stderr).init();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let figures = match arguments.as_slice() {
        ["sizes", folder, rows @ ..] => {
            let rows =
                rows.iter().map(|rows| rows.parse()).collect::<std::result::Result<Vec<usize>, _>>()?;
            sizes::measure(Path::new(folder), &rows).await?
        }
        ["flow", folder, commits] => flow::measure(Path::new(folder), commits.parse()?).await?,
        ["search", index, queries, groups @ ..] => {
            search::measure(Path::new(index), Path::new(queries), groups).await?
        }
        _ => return Err("usage: measure sizes|flow|search ...; see the first lines of the program".into()),
    };
    println!("{figures}");
    Ok(())
}
