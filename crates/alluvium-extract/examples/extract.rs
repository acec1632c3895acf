//! Extracts every file under some folders and prints one line for each: outcome, seconds, size, and why.
//!
//! `cargo run -p alluvium-extract --example extract -- path/to/alluvium-extract-worker [--pdf=ENGINE] FOLDER…`
#![allow(clippy::print_stdout)]

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use alluvium_core::change::MediaType;
use alluvium_core::extract::{ExtractError, ExtractRequest, Extractor};
use alluvium_extract::{PdfEngineName, PoolConfig, WorkerCommand, WorkerPool};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args_os().skip(1).map(PathBuf::from);
    let program = args.next().ok_or("name the worker program, then folders")?;
    let mut config = PoolConfig::new(WorkerCommand { program, args: Vec::new() });
    let mut files = Vec::new();
    for arg in args {
        match arg.to_str().and_then(|arg| arg.strip_prefix("--pdf=")) {
            Some(name) => config.engines = vec![PdfEngineName::of(name).ok_or("no such engine")?],
            None => list(&arg, &mut files)?,
        }
    }
    let pool = Arc::new(WorkerPool::new(config));
    println!("# {:?}", pool.probe().await?);
    let files = Arc::new(Mutex::new(files));
    let tasks: Vec<_> = (0..2).map(|_| tokio::spawn(work(Arc::clone(&pool), Arc::clone(&files)))).collect();
    for task in tasks {
        task.await?;
    }
    Ok(())
}

fn list(folder: &Path, files: &mut Vec<PathBuf>) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() { list(&path, files)? } else { files.push(path) }
    }
    Ok(())
}

async fn work(pool: Arc<WorkerPool>, files: Arc<Mutex<Vec<PathBuf>>>) {
    loop {
        let Some(path) = files.lock().unwrap_or_else(PoisonError::into_inner).pop() else { return };
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let Some(media_type) = MediaType::of_file_name(&name) else { continue };
        let Ok(bytes) = std::fs::read(&path) else { continue };
        let size = bytes.len();
        let started = Instant::now();
        let outcome = match pool.extract(ExtractRequest { bytes, media_type, charset: None }).await {
            Ok(e) => {
                let word = if e.partial.is_some() { "partial" } else { "ok" };
                let counts =
                    format!("{} chars {} pages {} headings", e.text.len(), e.pages.len(), e.headings.len());
                format!("{word}\t{}\t{counts}\t{}", e.extractor, e.partial.unwrap_or_default())
            }
            Err(ExtractError::Refused(r)) => format!("{}\t-\t\t{}", r.cause, r.detail.replace('\n', " ")),
            Err(ExtractError::Unavailable(e)) => format!("UNAVAILABLE\t-\t\t{e}"),
        };
        println!("{:.3}\t{size}\t{}\t{outcome}", started.elapsed().as_secs_f64(), path.display());
    }
}
