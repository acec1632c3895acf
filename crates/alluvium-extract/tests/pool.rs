//! The pool with real worker processes: every format, hostile files of every kind, and what is left
//! standing after them.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "helpers of tests: clippy's allowance covers test functions only"
)]

#[path = "support/pdf.rs"]
#[allow(dead_code, missing_docs, unreachable_pub)]
mod pdf;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use alluvium_core::change::MediaType;
use alluvium_core::extract::{ExtractError, ExtractRequest, Extracted, Extractor};
use alluvium_core::quarantine::{Cause, Refusal};
use alluvium_extract::{Limits, PdfEngineName, PoolConfig, WorkerCommand, WorkerPool};
use pdf::Pdf;

fn worker() -> PathBuf {
    PathBuf::from(env!("CARGO_BIN_EXE_alluvium-extract-worker"))
}

fn config() -> PoolConfig {
    PoolConfig::new(WorkerCommand { program: worker(), args: Vec::new() })
}

fn limited(limits: Limits) -> WorkerPool {
    WorkerPool::new(PoolConfig { limits, ..config() })
}

async fn extract(
    pool: &WorkerPool,
    media_type: MediaType,
    bytes: impl Into<Vec<u8>>,
) -> Result<Extracted, Refusal> {
    match pool.extract(ExtractRequest { bytes: bytes.into(), media_type, charset: None }).await {
        Ok(extracted) => Ok(sound(extracted)),
        Err(ExtractError::Refused(refusal)) => Err(refusal),
        Err(ExtractError::Unavailable(e)) => panic!("{e}"),
    }
}

/// What must hold of every text.
fn sound(extracted: Extracted) -> Extracted {
    let text = &extracted.text;
    assert!(!text.trim().is_empty());
    assert_eq!(alluvium_core::text::normalize(text), *text);
    assert!(extracted.pages.first().is_none_or(|first| *first == 0));
    assert!(extracted.pages.is_sorted() && extracted.pages.iter().all(|p| text.is_char_boundary(*p)));
    let starts: Vec<usize> = extracted.headings.iter().map(|h| h.start).collect();
    assert!(starts.is_sorted() && starts.iter().all(|s| text.is_char_boundary(*s)));
    extracted
}

async fn still_works(pool: &WorkerPool) {
    let pdf = extract(pool, MediaType::Pdf, Pdf::of(&["still here"])).await.unwrap();
    assert_eq!(pdf.text, "still here");
    assert_eq!(extract(pool, MediaType::Plain, "still here").await.unwrap().text, "still here");
}

#[tokio::test]
async fn every_format_with_its_provenance() {
    let pool = WorkerPool::new(config());
    let made = extract(&pool, MediaType::Pdf, Pdf::of(&["one", "", "three"])).await.unwrap();
    assert_eq!((made.text.as_str(), made.pages.as_slice()), ("one\n\nthree", [0, 3, 5].as_slice()));
    assert_eq!(made.page_span(&(5..10)), Some((3, 3)));
    assert_eq!(made.extractor.to_string(), "pdfboss@2.16.1+1");

    let html = "<html lang=en><title>T</title><h1>Head</h1><p>Caf\u{65}\u{301} &amp; more";
    let made = extract(&pool, MediaType::Html, html).await.unwrap();
    assert_eq!(made.text, "Head\n\nCafé & more");
    assert_eq!((made.title.as_deref(), made.language.as_deref()), (Some("T"), Some("en")));
    assert_eq!(made.heading_path(8), ["Head"]);

    let made = extract(&pool, MediaType::Markdown, "# A\r\n\r\ntext\r\n\r\n## B\r\n\r\nmore").await.unwrap();
    assert_eq!(made.heading_path(made.text.len()), ["A", "B"]);
    assert_eq!(made.title.as_deref(), Some("A"));

    let made = extract(&pool, MediaType::Plain, b"gr\xfcne \xc4pfel und \xd6l f\xfcr alle".as_slice())
        .await
        .unwrap();
    assert_eq!(made.text, "grüne Äpfel und Öl für alle");
    assert_eq!(made.extractor.to_string(), "plain@2");
    assert!(made.pages.is_empty() && made.partial.is_none());

    let said_text = extract(&pool, MediaType::Plain, Pdf::of(&["a PDF by another name"])).await.unwrap();
    assert_eq!(said_text.media_type, MediaType::Pdf);
}

#[tokio::test]
async fn each_refusal_has_its_cause_and_the_next_document_is_fine() {
    let pool = WorkerPool::new(config());
    let truncated = Pdf::of(&["x"; 20])[..300].to_vec();
    let noise: Vec<u8> = (0..40_000u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 11) as u8).collect();
    let cases: Vec<(&str, MediaType, Vec<u8>, &[Cause])> = vec![
        ("empty file", MediaType::Pdf, Vec::new(), &[Cause::Empty]),
        ("blank text", MediaType::Plain, b" \n\t ".to_vec(), &[Cause::Empty]),
        ("no text", MediaType::Html, b"<html><script>x()</script>".to_vec(), &[Cause::Empty]),
        ("blank pages", MediaType::Pdf, Pdf::of(&["", ""]), &[Cause::Empty, Cause::ImageOnly]),
        ("scan", MediaType::Pdf, pdf::image_only(), &[Cause::ImageOnly]),
        ("password", MediaType::Pdf, pdf::encrypted(), &[Cause::Encrypted]),
        ("not a PDF", MediaType::Pdf, b"<!DOCTYPE html>Not found".to_vec(), &[Cause::Corrupt]),
        ("garbage", MediaType::Pdf, [b"%PDF-1.4\n".as_slice(), &noise].concat(), &[Cause::Corrupt]),
        ("cut off", MediaType::Pdf, truncated, &[Cause::Corrupt]),
        ("binary", MediaType::Plain, noise.clone(), &[Cause::NotText]),
        ("binary", MediaType::Markdown, noise, &[Cause::NotText]),
        ("deep HTML", MediaType::Html, "<div>".repeat(300_000).into_bytes(), &[Cause::Corrupt]),
    ];
    for (name, media_type, bytes, expect) in cases {
        let refusal = extract(&pool, media_type, bytes).await.map(|e| e.text).unwrap_err();
        assert!(expect.contains(&refusal.cause), "{name}: {refusal}");
        still_works(&pool).await;
    }
}

#[tokio::test]
async fn hostile_documents_cost_nothing_but_themselves() {
    let limits = Limits { cpu: Duration::from_secs(4), wall: Duration::from_secs(8), ..Limits::default() };
    let pool = limited(limits);
    let cases: Vec<(&str, MediaType, Vec<u8>)> = vec![
        ("arrays", MediaType::Pdf, pdf::nested_arrays(1_000_000)),
        ("forms", MediaType::Pdf, pdf::nested_forms(3_000)),
        ("bomb", MediaType::Pdf, pdf::bomb(1_500)),
        ("quotes", MediaType::Markdown, ">".repeat(200_000).into_bytes()),
        ("lists", MediaType::Markdown, "- ".repeat(50_000).into_bytes()),
        ("brackets", MediaType::Markdown, "[".repeat(200_000).into_bytes()),
        ("open tags", MediaType::Html, ("<b><i><u>".repeat(3_000) + "x").into_bytes()),
        ("tables", MediaType::Html, ("<table><tr><td>".repeat(3_000) + "x").into_bytes()),
        ("attributes", MediaType::Html, format!("<p {}>x", "a=1 ".repeat(200_000)).into_bytes()),
    ];
    for (name, media_type, bytes) in cases {
        let started = Instant::now();
        let outcome = extract(&pool, media_type, bytes).await.map(|e| e.partial);
        println!("{name}: {outcome:?} in {:?}", started.elapsed());
        still_works(&pool).await;
    }
}

#[tokio::test]
async fn out_of_time_and_out_of_memory_are_told_apart() {
    let deep = "<div>".repeat(400_000).into_bytes();
    let slow = Limits { nesting: u32::MAX, cpu: Duration::from_secs(1), ..Limits::default() };
    let pool = limited(slow.clone());
    assert_eq!(
        extract(&pool, MediaType::Html, deep.clone()).await.unwrap_err().cause,
        Cause::Timeout,
        "CPU time"
    );
    still_works(&pool).await;

    // Long enough for the two small documents after it on a machine that is busy with other tests.
    let wall = Duration::from_secs(5);
    let pool = limited(Limits { wall, cpu: Duration::from_secs(60), ..slow });
    let refusal = extract(&pool, MediaType::Html, deep).await.unwrap_err();
    assert_eq!(refusal.cause, Cause::Timeout, "wall-clock time: {refusal}");
    still_works(&pool).await;

    let pool = limited(Limits { memory: 48 << 20, ..Limits::default() });
    let large = "<p>words".repeat(4_000_000).into_bytes();
    let refusal = extract(&pool, MediaType::Html, large).await.unwrap_err();
    assert_eq!(refusal.cause, Cause::OutOfMemory, "{refusal}");
    still_works(&pool).await;
}

#[tokio::test]
async fn limits_on_sizes() {
    let pool = limited(Limits { input: 10_000, output: 3_000, pages: 2, ..Limits::default() });
    let cause = |r: Result<Extracted, Refusal>| r.unwrap_err().cause;
    assert_eq!(cause(extract(&pool, MediaType::Plain, "x".repeat(10_001)).await), Cause::TooLarge);
    assert_eq!(cause(extract(&pool, MediaType::Plain, "x".repeat(3_001)).await), Cause::TooLarge);
    let made = extract(&pool, MediaType::Pdf, Pdf::of(&["one", "two", "three"])).await.unwrap();
    assert_eq!((made.text.as_str(), made.partial.as_deref()), ("one\n\ntwo", Some("pages after 2 of 3")));
    still_works(&pool).await;
}

#[tokio::test]
async fn a_content_that_kills_twice_is_refused_from_memory() {
    let limits = Limits { nesting: u32::MAX, cpu: Duration::from_secs(1), ..Limits::default() };
    // Every start of a worker leaves a line.
    let folder = tempfile::tempdir().unwrap();
    let starts = folder.path().join("starts");
    let script = format!("echo >> '{}'; exec '{}'", starts.display(), worker().display());
    let command = WorkerCommand { program: PathBuf::from("/bin/sh"), args: vec!["-c".into(), script.into()] };
    let pool = WorkerPool::new(PoolConfig { limits, ..PoolConfig::new(command) });
    let deep = "<div>".repeat(400_000).into_bytes();
    for tries in [1, 2, 2] {
        assert_eq!(extract(&pool, MediaType::Html, deep.clone()).await.unwrap_err().cause, Cause::Timeout);
        assert_eq!(std::fs::read_to_string(&starts).unwrap().lines().count(), tries);
    }
}

#[tokio::test]
async fn many_documents_share_few_workers_which_are_replaced() {
    let pool = WorkerPool::new(PoolConfig { workers: 2, recycle: 3, ..config() });
    let documents = (0..24).map(|i| format!("document {i}"));
    let all = futures(documents.map(|text| {
        let pool = &pool;
        async move { (extract(pool, MediaType::Plain, text.clone()).await.unwrap().text, text) }
    }))
    .await;
    assert!(all.iter().all(|(got, expect)| got == expect));
}

/// Runs futures of one task at the same time.
async fn futures<F: Future>(all: impl Iterator<Item = F>) -> Vec<F::Output> {
    let mut open: Vec<_> = all.map(|f| (Box::pin(f), None)).collect();
    std::future::poll_fn(|context| {
        for (future, output) in open.iter_mut().filter(|(_, output)| output.is_none()) {
            if let std::task::Poll::Ready(value) = future.as_mut().poll(context) {
                *output = Some(value);
            }
        }
        if open.iter().all(|(_, o)| o.is_some()) {
            std::task::Poll::Ready(())
        } else {
            std::task::Poll::Pending
        }
    })
    .await;
    open.into_iter().filter_map(|(_, output)| output).collect()
}

#[tokio::test]
async fn a_caller_that_goes_away_leaves_the_pool_whole() {
    let limits = Limits { nesting: u32::MAX, ..Limits::default() };
    let pool = WorkerPool::new(PoolConfig { workers: 1, limits, ..config() });
    let deep = "<div>".repeat(400_000).into_bytes();
    let gone = tokio::time::timeout(Duration::from_millis(300), extract(&pool, MediaType::Html, deep)).await;
    assert!(gone.is_err());
    still_works(&pool).await;
}

#[tokio::test]
async fn a_worker_that_cannot_run_is_named() {
    for (program, args) in
        [("/nonexistent/worker", vec![]), ("/bin/sh", vec!["-c", "echo no such option >&2; exit 2"])]
    {
        let args = args.into_iter().map(Into::into).collect();
        let command = WorkerCommand { program: program.into(), args };
        let error = WorkerPool::new(PoolConfig::new(command)).probe().await.unwrap_err().to_string();
        assert!(error.contains(program), "{error}");
        assert!(program != "/bin/sh" || error.contains("no such option"), "{error}");
    }
}

#[tokio::test]
async fn a_worker_hardens_itself() {
    let sandbox = WorkerPool::new(config()).probe().await.unwrap();
    println!("{sandbox:?}");
    for limit in ["core=0", "fsize=0", "nofile=", "cpu=20s", "as="] {
        assert!(sandbox.limits.iter().any(|l| l.starts_with(limit)), "{limit}: {sandbox:?}");
    }
    assert!(sandbox.no_new_privs);
}

#[tokio::test]
async fn what_a_worker_says_is_not_believed() {
    let ready = br#"{"say":"ready","sandbox":{"limits":[],"no_new_privs":true,"landlock":"full"}}"#;
    let done = br#"{"say":"done","title":null,"language":null,"partial":null,"drawn":false}"#;
    let piece =
        |headings: &str| format!(r#"{{"say":"piece","headings":[{headings}],"failed":null}}"#).into_bytes();
    let bad_offset = piece(r#"{"start":9,"level":1,"title":"x"}"#);
    let lies: Vec<(&str, Vec<u8>)> = vec![
        ("not UTF-8", frame(&piece(""), b"\xff\xfe")),
        ("not normalized", frame(&piece(""), "e\u{301}".as_bytes())),
        ("an offset behind the end", frame(&bad_offset, b"text")),
        ("a frame of 16 EiB", [4u32.to_le_bytes().as_slice(), &u64::MAX.to_le_bytes()].concat()),
        ("a heading on no line of its own", frame(&piece(r#"{"start":0,"level":9,"title":"x"}"#), b"text")),
        ("no JSON", frame(b"{{{", b"")),
        ("an end without text", frame(done, b"")),
    ];
    for (name, lie) in lies {
        let script = [frame(ready, b""), lie].concat();
        let octal: String = script.iter().map(|b| format!("\\{b:03o}")).collect();
        let args = vec!["-c".into(), format!("printf '{octal}'; exec cat > /dev/null").into()];
        let command = WorkerCommand { program: "/bin/sh".into(), args };
        let pool = WorkerPool::new(PoolConfig::new(command));
        let refusal = extract(&pool, MediaType::Plain, "text").await.unwrap_err();
        assert_eq!(refusal.cause, Cause::Crashed, "{name}: {refusal}");
    }
}

fn frame(header: &[u8], body: &[u8]) -> Vec<u8> {
    let (header_length, body_length) = (header.len() as u32, body.len() as u64);
    [&header_length.to_le_bytes(), body_length.to_le_bytes().as_slice(), header, body].concat()
}

#[tokio::test]
async fn a_worker_ends_with_its_pool() {
    let mut child = tokio::process::Command::new(config().command.program)
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    drop(child.stdin.take());
    let ended = tokio::time::timeout(Duration::from_secs(10), child.wait()).await;
    assert!(ended.is_ok(), "it saw the end of its input");
}

#[test]
fn components_name_what_shapes_text() {
    let pool = WorkerPool::new(PoolConfig { engines: vec![PdfEngineName::PdfExtract], ..config() });
    let named: Vec<String> = pool.components().iter().map(ToString::to_string).collect();
    // The versions of the others move with their rules.
    assert_eq!(named[0], "pdf-extract@0.12.1+1");
    let names: Vec<&str> = named.iter().filter_map(|name| name.split('@').next()).collect();
    assert_eq!(names, ["pdf-extract", "html", "xhtml", "markdown", "plain", "text"]);
    assert_eq!(named[5], format!("text@{}", alluvium_core::text::VERSION));
}
