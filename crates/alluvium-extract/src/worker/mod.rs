//! Inside the worker process: reads documents, extracts them, streams what it finds.
//!
//! The main thread reads frames, a second one with a deep stack parses. So the end of stdin is seen while
//! a document is parsed, and a worker never outlives its pool, however that died. (A parent-death signal
//! would not do: it goes off when the *thread* that spawned the worker ends.)

mod sandbox;

use std::io::{self, Write};
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};

use alluvium_core::change::MediaType;
use alluvium_core::quarantine::Cause;

use crate::limits::Limits;
use crate::outcome::{Asked, Failure, Meta, Piece, is_blank};
use crate::pdf::{PdfEngineName, panic_text};
use crate::protocol::{self, Reply, Request};
use crate::{html, markdown, plain};

/// Deep enough for documents that nest moderately; deeper ones end the process, not the system.
const STACK: usize = 64 << 20;

/// A document to parse.
struct Job {
    media_type: MediaType,
    engine: PdfEngineName,
    charset: Option<String>,
    keeps_hidden: bool,
    bytes: Vec<u8>,
}

/// The whole of a worker process: what its `main` calls, before anything starts threads.
pub fn worker_main() -> ExitCode {
    match serve() {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            // The pool reads stderr; a closed one is no reason for anything.
            let _ = writeln!(io::stderr(), "worker: {e}");
            ExitCode::FAILURE
        }
    }
}

fn serve() -> io::Result<()> {
    let mut stdin = io::stdin().lock();
    let Some((Request::Start { limits }, _)) = protocol::read(&mut stdin, 0)? else {
        return Err(io::Error::other("the first frame is not a start"));
    };
    let counters = Arc::new(sandbox::Counters::open()?);
    // Threads inherit what binds the thread that starts them: harden first.
    let mut sandbox = sandbox::harden(&limits);
    let (jobs, inbox) = sync_channel::<Job>(1);
    let (for_parser, counted) = (limits.clone(), Arc::clone(&counters));
    let parser = std::thread::Builder::new().name("parse".to_owned()).stack_size(STACK);
    parser.spawn(move || parse(&inbox, &for_parser, &counted))?;
    // Last, when everything that a worker needs is mapped.
    sandbox.limits.extend(sandbox::limit_memory(&counters, limits.memory));
    protocol::write(&mut io::stdout(), &Reply::Ready { sandbox }, &[])?;
    while let Some((request, bytes)) = protocol::read(&mut stdin, limits.input)? {
        let Request::Extract { media_type, engine, charset, keeps_hidden } = request else {
            return Err(io::Error::other("a second start"));
        };
        jobs.send(Job { media_type, engine, charset, keeps_hidden, bytes }).map_err(io::Error::other)?;
    }
    Ok(())
}

fn parse(inbox: &Receiver<Job>, limits: &Limits, counters: &sandbox::Counters) {
    while let Ok(job) = inbox.recv() {
        sandbox::limit_cpu(counters, limits.cpu);
        let mut out = io::stdout();
        let done = catch_unwind(AssertUnwindSafe(|| run(job, limits, &mut out)));
        let reply = match done {
            Ok(Ok(meta)) => Reply::Done(meta),
            Ok(Err(failure)) => Reply::Failed(failure),
            Err(payload) => Reply::Failed(Failure::new(Cause::Crashed, panic_text(&*payload))),
        };
        if protocol::write(&mut out, &reply, &[]).is_err() {
            return;
        }
    }
}

fn run(job: Job, limits: &Limits, out: &mut impl Write) -> Result<Meta, Failure> {
    let whole = |(piece, meta): (Piece, Meta), out: &mut dyn Write| {
        if piece.text.len() as u64 > limits.output {
            return Err(too_much_text(limits));
        }
        send(out, piece).map(|()| meta)
    };
    let asked = Asked { limits, charset: job.charset.as_deref(), keeps_hidden: job.keeps_hidden };
    match job.media_type {
        MediaType::Pdf => pdf(job, limits, out),
        MediaType::Html => whole(html::extract(&job.bytes, &asked)?, out),
        MediaType::Xhtml => whole(html::xhtml::extract(&job.bytes, &asked)?, out),
        MediaType::Markdown => whole(markdown::extract(&job.bytes, &asked)?, out),
        MediaType::Plain => whole(plain::extract(&job.bytes, &asked)?, out),
    }
}

fn send(mut out: &mut dyn Write, mut piece: Piece) -> Result<(), Failure> {
    let text = std::mem::take(&mut piece.text);
    protocol::write(&mut out, &Reply::Piece(piece), text.as_bytes())
        .map_err(|e| Failure::new(Cause::Crashed, format!("can't reach the pool: {e}")))
}

fn too_much_text(limits: &Limits) -> Failure {
    Failure::new(Cause::TooLarge, format!("more than {} bytes of text", limits.output))
}

/// Streams pages as they finish, and tells apart the ways to have none.
fn pdf(job: Job, limits: &Limits, out: &mut impl Write) -> Result<Meta, Failure> {
    let engine = job.engine.engine();
    let (mut bytes, mut headings, mut read, mut failed) = (0u64, 0usize, 0u32, None);
    let mut any_text = false;
    let mut stopped: Option<Result<String, Failure>> = None;
    let meta = engine.read(job.bytes, limits.pages, &mut |mut piece| {
        bytes += piece.text.len() as u64 + 2;
        if bytes > limits.output {
            stopped = Some(Ok(format!("text after {} bytes", limits.output)));
            return ControlFlow::Break(());
        }
        piece.headings.truncate((limits.headings as usize).saturating_sub(headings));
        headings += piece.headings.len();
        read += 1;
        any_text |= !is_blank(&piece.text);
        if failed.is_none() {
            failed.clone_from(&piece.failed);
        }
        match send(out, piece) {
            Ok(()) => ControlFlow::Continue(()),
            Err(e) => {
                stopped = Some(Err(e));
                ControlFlow::Break(())
            }
        }
    });
    let mut meta = meta?;
    match stopped {
        Some(Err(failure)) => return Err(failure),
        Some(Ok(why)) => meta.partial = Some(why),
        None => {}
    }
    match (any_text, failed) {
        (true, _) => Ok(meta),
        (false, Some(why)) => Err(Failure::new(Cause::Corrupt, format!("no text on {read} pages: {why}"))),
        (false, None) if meta.drawn => {
            Err(Failure::new(Cause::ImageOnly, format!("no text on {read} pages, but pictures or lines")))
        }
        // A file that was cut off has no page left, and was not emptied.
        (false, None) if read == 0 => Err(Failure::new(Cause::Corrupt, "not one page")),
        (false, None) => Err(Failure::new(Cause::Empty, format!("nothing on {read} pages"))),
    }
}
