//! Text → [`PipelineSpec`]: every table, every key, every default.

use std::path::{Path, PathBuf};
use std::time::Duration;

use alluvium_core::id::PipelineName;
use toml::de::DeTable;

use crate::env::Lookup;
use crate::error::{ConfigError, Problem};
use crate::kafka::parse_prepared;
use crate::places::Places;
use crate::reader::{Context, Reader, Text};
use crate::source::parse_sources;
use crate::spec::{
    ChunkSpec, CommitSpec, Durability, EmbedSpec, ExtractSpec, Hidden, IndexSpec, ModelSpec, PdfEngine,
    PipelineSpec, RunSpec,
};
use crate::units::{self, DURATION, Reason, SIZE};
use crate::uri;

/// The keys of each table; a test holds them against the schema.
pub(crate) const TOP: &[&str] = &[
    "version", "name", "index", "model", "chunk", "extract", "embed", "commit", "run", "prepared", "source",
];
pub(crate) const INDEX: &[&str] = &["uri", "keep_for", "keep_last", "durability"];
pub(crate) const MODEL: &[&str] = &["name"];
pub(crate) const CHUNK: &[&str] = &["max_tokens", "overlap_tokens"];
pub(crate) const EXTRACT: &[&str] = &["memory", "cpu", "wall", "workers", "pdf_engines", "hidden"];
pub(crate) const EMBED: &[&str] = &["sessions"];
pub(crate) const COMMIT: &[&str] = &["interval", "max_documents", "max_bytes"];
pub(crate) const RUN: &[&str] = &["reconcile_interval", "settle", "drain_timeout"];

/// Largest number of tokens that any model could take, sessions or workers that any machine could run,
/// and publishes that anyone could keep. They catch slips, and keep arithmetic from overflowing.
pub(crate) const MOST_TOKENS: u64 = 1_000_000;
pub(crate) const MOST_PARALLEL: u64 = 1024;
pub(crate) const MOST_KEPT: u64 = 1_000_000_000;
pub(crate) const MOST_DOCUMENTS: u64 = 1_000_000;

const PDF_ENGINE: &str = "a PDF engine: \"pdfboss\" or \"pdf-extract\"";
const HIDDEN: &str = "\"drop\" or \"keep\"";
const SECOND: Duration = Duration::from_secs(1);
const MIB: u64 = 1 << 20;

impl PipelineSpec {
    /// Parses and validates. `file` is for messages, and relative paths are beneath its folder; `env`
    /// looks up environment variables.
    pub fn parse(text: &str, file: &Path, env: &dyn Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let document = DeTable::parse(text).map_err(|e| Places::syntax(file, text, &e))?;
        let places = Places::collect(file, text, document.get_ref());
        let folder = file.parent().unwrap_or_else(|| Path::new(""));
        let spec = parse_top(document.get_ref(), &places, folder, env)?;
        Ok(Self { file: file.to_owned(), ..spec })
    }
}

fn parse_top(
    table: &DeTable<'_>,
    places: &Places,
    folder: &Path,
    env: Lookup<'_>,
) -> Result<PipelineSpec, ConfigError> {
    let context = Context { places, env, empty: DeTable::new() };
    let top = Reader::new(&context, "", table);
    // The version says which keys there are, so it is looked at first.
    let version = top.integer("version", 1..=1)?;
    top.check_keys(TOP)?;
    version.ok_or_else(|| top.missing("version", "version = 1"))?;
    let name = top.required("name", "the pipeline's name")?;
    let sources = parse_sources(&top, folder)?;
    Ok(PipelineSpec {
        name: name.parse(|name| PipelineName::new(name).map_err(|e| Reason::Owned(e.to_string())))?,
        index: parse_index(&top.section("index", INDEX)?, folder)?,
        model: parse_model(top.section("model", MODEL)?)?,
        chunk: parse_chunk(&top.section("chunk", CHUNK)?)?,
        extract: parse_extract(&top.section("extract", EXTRACT)?)?,
        embed: parse_embed(&top.section("embed", EMBED)?)?,
        commit: parse_commit(&top.section("commit", COMMIT)?)?,
        run: parse_run(&top.section("run", RUN)?)?,
        prepared: parse_prepared(&top, folder, &sources)?.map(Box::new),
        sources,
        file: PathBuf::new(),
        places: places.clone(),
    })
}

fn parse_index(index: &Reader<'_>, folder: &Path) -> Result<IndexSpec, ConfigError> {
    let uri = index.required("uri", uri::EXPECTED)?;
    let words = [("power", Durability::Power), ("process", Durability::Process)];
    let durability = index.text("durability", "\"power\" or \"process\"")?;
    Ok(IndexSpec {
        path: uri.parse(|uri| uri::local_path(uri, folder))?,
        keep_for: duration(index, "keep_for", 7 * 24 * 3600 * SECOND, Duration::ZERO)?,
        keep_last: index.integer("keep_last", 1..=MOST_KEPT)?.unwrap_or(100),
        durability: durability.map(|d| d.word(&words)).transpose()?.unwrap_or(Durability::Power),
    })
}

fn parse_model(model: Reader<'_>) -> Result<ModelSpec, ConfigError> {
    let name = model.required("name", "a model of the registry, such as \"all-MiniLM-L6-v2\"")?;
    let not_empty =
        |name: &str| if name.trim().is_empty() { Err("is empty".into()) } else { Ok(name.to_owned()) };
    Ok(ModelSpec { name: name.parse(not_empty)? })
}

fn parse_chunk(chunk: &Reader<'_>) -> Result<ChunkSpec, ConfigError> {
    let max_tokens = chunk.integer("max_tokens", 1..=MOST_TOKENS)?.unwrap_or(256);
    let overlap_tokens = chunk.integer("overlap_tokens", 0..=MOST_TOKENS)?.unwrap_or(max_tokens / 8);
    if overlap_tokens >= max_tokens {
        let expected = format!("less than chunk.max_tokens, which is {max_tokens}");
        let found = format!("the number {overlap_tokens}");
        return Err(chunk.error("overlap_tokens", Problem::Wrong { expected, found, nearest: None }));
    }
    Ok(ChunkSpec { max_tokens: to_usize(max_tokens), overlap_tokens: to_usize(overlap_tokens) })
}

fn parse_extract(extract: &Reader<'_>) -> Result<ExtractSpec, ConfigError> {
    Ok(ExtractSpec {
        memory: size(extract, "memory", 1024 * MIB, 64 * MIB)?,
        cpu: duration(extract, "cpu", 20 * SECOND, SECOND)?,
        wall: duration(extract, "wall", 30 * SECOND, SECOND)?,
        workers: extract.integer("workers", 1..=MOST_PARALLEL)?.map(to_usize),
        pdf_engines: parse_engines(extract)?,
        hidden: match extract.text("hidden", HIDDEN)? {
            Some(word) => word.word(&[("drop", Hidden::Drop), ("keep", Hidden::Keep)])?,
            None => Hidden::Drop,
        },
    })
}

fn parse_engines(extract: &Reader<'_>) -> Result<Vec<PdfEngine>, ConfigError> {
    let words = [PdfEngine::Pdfboss, PdfEngine::PdfExtract].map(|engine| (engine.as_str(), engine));
    let Some(texts) = extract.texts("pdf_engines", PDF_ENGINE)? else {
        return Ok(words.map(|(_, engine)| engine).to_vec());
    };
    let wrong = |found: &str| {
        let expected = "at least one PDF engine, each once".to_owned();
        extract.error("pdf_engines", Problem::Wrong { expected, found: found.to_owned(), nearest: None })
    };
    let mut engines = Vec::new();
    for text in texts {
        let engine = text.word(&words)?;
        if engines.contains(&engine) {
            return Err(wrong(&format!("{:?} twice", engine.as_str())));
        }
        engines.push(engine);
    }
    if engines.is_empty() { Err(wrong("an empty list")) } else { Ok(engines) }
}

fn parse_embed(embed: &Reader<'_>) -> Result<EmbedSpec, ConfigError> {
    Ok(EmbedSpec { sessions: embed.integer("sessions", 1..=MOST_PARALLEL)?.map(to_usize) })
}

fn parse_commit(commit: &Reader<'_>) -> Result<CommitSpec, ConfigError> {
    Ok(CommitSpec {
        interval: duration(commit, "interval", SECOND, Duration::from_millis(1))?,
        max_documents: to_usize(commit.integer("max_documents", 1..=MOST_DOCUMENTS)?.unwrap_or(4_096)),
        max_bytes: size(commit, "max_bytes", 64 * MIB, 1)?,
    })
}

fn parse_run(run: &Reader<'_>) -> Result<RunSpec, ConfigError> {
    Ok(RunSpec {
        reconcile_interval: duration(run, "reconcile_interval", 300 * SECOND, SECOND)?,
        settle: duration(run, "settle", Duration::from_millis(300), Duration::from_millis(1))?,
        drain_timeout: duration(run, "drain_timeout", 30 * SECOND, Duration::ZERO)?,
    })
}

fn duration(
    reader: &Reader<'_>,
    key: &str,
    default: Duration,
    least: Duration,
) -> Result<Duration, ConfigError> {
    let parse = |text: &str| match units::duration(text) {
        Ok(value) if value < least => Err(Reason::Owned(format!("is less than {least:?}"))),
        other => other,
    };
    optional(reader.text(key, DURATION)?, default, parse)
}

/// A size in bytes, at least `least`.
pub(crate) fn size(reader: &Reader<'_>, key: &str, default: u64, least: u64) -> Result<u64, ConfigError> {
    let parse = |text: &str| match units::size(text) {
        Ok(value) if value < least => Err(Reason::Owned(format!("is less than {least} bytes"))),
        other => other,
    };
    optional(reader.text(key, SIZE)?, default, parse)
}

fn optional<T>(
    text: Option<Text<'_>>,
    default: T,
    parse: impl FnOnce(&str) -> Result<T, Reason>,
) -> Result<T, ConfigError> {
    text.map_or(Ok(default), |text| text.parse(parse).map(crate::value::Value::into_inner))
}

/// The ranges above keep every count far below what a `usize` holds.
fn to_usize(count: u64) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}
