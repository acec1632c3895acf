//! Embeds texts as fast as the model goes, with nothing around it: what the pipeline is measured against.
//!
//! `embed_directly MODEL SESSIONS TEXTS.json` prints `{"chunks": …, "seconds": …}`. Opening the sessions is
//! not counted.

#![allow(clippy::print_stdout, reason = "the result of a measurement goes to stdout")]

use std::error::Error;
use std::sync::Barrier;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use alluvium_core::embed::{EmbedError, Embedder, Model};
use alluvium_embed::FastembedModel;
use alluvium_models::Home;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [model, sessions, file] = arguments.as_slice() else {
        return Err("usage: embed_directly MODEL SESSIONS TEXTS.json".into());
    };
    let texts: Vec<String> = serde_json::from_slice(&std::fs::read(file)?)?;
    let model = FastembedModel::open(&Home::from_env()?, model)?;
    let opened = (0..sessions.parse::<usize>()?).map(|_| model.session()).collect::<Result<Vec<_>, _>>()?;
    let seconds = embed_all(opened, &texts)?;
    println!("{}", serde_json::json!({ "chunks": texts.len(), "seconds": seconds }));
    Ok(())
}

/// One thread a session, each takes the next text when it is free.
fn embed_all(sessions: Vec<Box<dyn Embedder>>, texts: &[String]) -> Result<f64, EmbedError> {
    let next = AtomicUsize::new(0);
    let ready = Barrier::new(sessions.len() + 1);
    let work = |mut session: Box<dyn Embedder>| {
        ready.wait();
        while let Some(text) = texts.get(next.fetch_add(1, Ordering::Relaxed)) {
            session.embed_document(text)?;
        }
        Ok(())
    };
    std::thread::scope(|scope| {
        let work = &work;
        let start_one = |session| scope.spawn(move || work(session));
        let threads: Vec<_> = sessions.into_iter().map(start_one).collect();
        ready.wait();
        let start = Instant::now();
        for thread in threads {
            thread.join().map_err(|_| EmbedError::Failed("a session's thread panicked".to_owned()))??;
        }
        Ok(start.elapsed().as_secs_f64())
    })
}
