//! The composition root: from a pipeline file to the pieces that run it.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use alluvium_config::{
    AccessKeySettings, BucketSettings, ChunkSpec, ConfigError, FilesystemSettings, Hidden, JsonlInput,
    JsonlSettings, PdfEngine, PipelineSpec, SourceKind, SourceSpec, Value,
};
use alluvium_connect::event::{AccessKey, Again, BucketSpec};
use alluvium_connect::filesystem::{
    FilesystemFollow, FilesystemSource, FilesystemSpec, FollowSettings, Notices, Reprocess, place_of,
};
use alluvium_connect::jsonl::{JsonlMode, JsonlSource, JsonlSpec};
use alluvium_core::chunk::Chunker;
use alluvium_core::clock::SystemClock;
use alluvium_core::document::KnownDocument;
use alluvium_core::embed::{EmbedError, Model};
use alluvium_core::extract::Component;
use alluvium_core::fingerprint::GenerationFingerprint;
use alluvium_core::hash::Sha256;
use alluvium_core::id::DocId;
use alluvium_core::ledger::Record;
use alluvium_core::retention::Retention;
use alluvium_core::source::Source;
use alluvium_embed::FastembedModel;
use alluvium_extract::{Limits, PdfEngineName, PoolConfig, TokenChunker, WorkerCommand, WorkerPool};
use alluvium_index::{Durability, Index, IndexError, Intervention, Options, Writer};
use alluvium_kafka::KafkaMode;
use alluvium_models::{Home, ModelSpec};
use alluvium_runtime::{RunError, Settings};

use crate::failure::{Exit, Failure};
use crate::warnings::WrittenDown;

mod kafka;

pub(crate) use kafka::{
    again_source, is_shared, kafka_spec, prepared_name, prepared_source, prepared_spec, prepared_topic,
    shared_sources, with_dead_letters,
};

/// Reads and validates a pipeline file, and checks what is known of its model without opening it.
pub(crate) fn read_pipeline(file: &Path) -> Result<PipelineSpec, Failure> {
    let text = std::fs::read_to_string(file).map_err(|e| {
        Failure::new(Exit::Usage, "pipeline_unreadable", format!("the pipeline file can't be read: {e}"))
            .at_path(file)
            .next("check the path")
    })?;
    let spec = PipelineSpec::parse(&text, file, &|name| std::env::var(name).ok())?;
    check_model(&spec)?;
    check_place(&spec)?;
    Ok(spec)
}

/// Nothing that lies in the index is a document.
fn check_place(spec: &PipelineSpec) -> Result<(), ConfigError> {
    for (i, source) in spec.sources.iter().enumerate() {
        if let SourceKind::Filesystem(settings) = &source.kind
            && place_of(&settings.root).starts_with(place_of(&spec.index.path))
        {
            let message =
                "is the index's own folder, or lies in it; give the documents a folder of their own";
            return Err(spec.at_key(&format!("source[{i}].root"), message));
        }
    }
    Ok(())
}

/// The model must be known and must take chunks of the wanted size.
fn check_model(spec: &PipelineSpec) -> Result<&'static ModelSpec, ConfigError> {
    let known = alluvium_models::find(&spec.model.name);
    let model = known.map_err(|e| spec.at_key("model.name", e.to_string()))?;
    if spec.chunk.max_tokens > model.max_tokens {
        let (name, most) = (model.name, model.max_tokens);
        let message = format!("{} is more than {name} takes: {most}", spec.chunk.max_tokens);
        return Err(spec.at_key("chunk.max_tokens", message));
    }
    Ok(model)
}

/// What decides which rows may share a table, and the model itself.
pub(crate) struct Shape {
    pub(crate) model: Arc<FastembedModel>,
    pub(crate) chunker: Arc<dyn Chunker>,
    pub(crate) fingerprint: GenerationFingerprint,
}

impl Shape {
    /// Opens the model: this is where a missing or altered file is named.
    pub(crate) fn open(spec: &PipelineSpec) -> Result<Self, Failure> {
        let home = Home::from_env()?;
        tracing::debug!(home = %home.root().display(), model = %spec.model.name, "opening the model");
        let model = FastembedModel::open(&home, &spec.model.name).map_err(|e| named(&home, spec, e))?;
        let model = Arc::new(model);
        let chunker = chunker(spec)?;
        let fingerprint = GenerationFingerprint::new(
            model.identity().clone(),
            chunker.component(),
            spec.chunk.max_tokens,
            spec.chunk.overlap_tokens,
        );
        Ok(Self { model, chunker, fingerprint })
    }

    /// What decides whether a document would come out the same again: the generation, extraction, how text is
    /// cut and how the model is given it.
    pub(crate) fn pipeline_fingerprint(&self, mut components: Vec<Component>) -> Sha256 {
        components.extend([alluvium_extract::cutting(), alluvium_embed::reading()]);
        self.fingerprint.pipeline(&components)
    }
}

/// The same error with its file and its own code, where a file is what is wrong.
fn named(home: &Home, spec: &PipelineSpec, error: EmbedError) -> Failure {
    let library = alluvium_models::verify_runtime(home).err();
    let file = || {
        let model = alluvium_models::find(&spec.model.name).ok()?;
        alluvium_models::verify_model(home, model).err()
    };
    library.or_else(file).map_or_else(|| error.into(), Failure::from)
}

fn chunker(spec: &PipelineSpec) -> Result<Arc<dyn Chunker>, ConfigError> {
    let ChunkSpec { max_tokens, overlap_tokens } = spec.chunk;
    let chunker = TokenChunker::new(max_tokens, overlap_tokens);
    Ok(Arc::new(chunker.map_err(|e| spec.at_key("chunk.max_tokens", e.to_string()))?))
}

/// Cores that this process may use.
fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Extraction in workers, each this very program with another subcommand.
pub(crate) fn extractor(spec: &PipelineSpec) -> Result<Arc<WorkerPool>, Failure> {
    let program = std::env::current_exe().map_err(|e| {
        Failure::new(Exit::Failed, "extractor_unavailable", format!("this program can't find itself: {e}"))
    })?;
    let limits = Limits {
        memory: spec.extract.memory,
        cpu: spec.extract.cpu,
        wall: spec.extract.wall,
        input: largest_file(spec),
        ..Limits::default()
    };
    let engine = |engine: &PdfEngine| match engine {
        PdfEngine::Pdfboss => PdfEngineName::Pdfboss,
        PdfEngine::PdfExtract => PdfEngineName::PdfExtract,
    };
    let command = WorkerCommand { program, args: vec!["worker".into()] };
    Ok(Arc::new(WorkerPool::new(PoolConfig {
        workers: workers(spec),
        limits,
        engines: spec.extract.pdf_engines.iter().map(engine).collect(),
        keeps_hidden: spec.extract.hidden == Hidden::Keep,
        ..PoolConfig::new(command)
    })))
}

fn workers(spec: &PipelineSpec) -> usize {
    spec.extract.workers.unwrap_or_else(cores)
}

/// The source refuses files by its own limit; extraction must not have a smaller one.
fn largest_file(spec: &PipelineSpec) -> u64 {
    let sizes = spec.sources.iter().map(|source| match &source.kind {
        SourceKind::Filesystem(settings) => settings.max_file_size,
        SourceKind::Jsonl(settings) => settings.max_event_size,
        SourceKind::Kafka(settings) => settings.max_event_size,
    });
    sizes.max().unwrap_or(0).max(Limits::default().input)
}

/// Bounds and paces of a run.
pub(crate) fn settings(spec: &PipelineSpec) -> Settings {
    Settings {
        commit_interval: spec.commit.interval,
        commit_max_bytes: spec.commit.max_bytes,
        sessions: spec.embed.sessions.unwrap_or_else(cores),
        extract_parallel: workers(spec),
        cut_time: spec.extract.wall,
        ..Settings::for_cores(cores()).with_commits_of(spec.commit.max_documents)
    }
}

/// The partition of a scanned source.
const SCAN: &str = "scan";

/// What reading a source starts from.
pub(crate) struct Start {
    /// What the index knows of a folder's documents.
    pub(crate) known: HashMap<String, KnownDocument>,
    /// How far each partition has been read.
    pub(crate) positions: BTreeMap<String, u64>,
    /// Refused events that a person wants to be tried again.
    pub(crate) again: Vec<Again>,
    pub(crate) fingerprint: Sha256,
    pub(crate) reprocess: Reprocess,
    pub(crate) allow_deletes: bool,
    /// Files and folders of ours, which are never documents.
    pub(crate) apart: Vec<PathBuf>,
    /// Who hears what a person should know.
    pub(crate) notices: Arc<dyn Notices>,
}

impl Start {
    /// From where the newest record stands.
    pub(crate) async fn of(
        spec: &PipelineSpec,
        source: &SourceSpec,
        writer: &Writer,
        fingerprint: &Sha256,
    ) -> Result<Self, Failure> {
        let (mut known, mut again) = (HashMap::new(), Vec::new());
        // A folder is compared with all that is known of it, events are not: theirs may be many.
        match (writer.index(), &source.kind) {
            (Some(index), SourceKind::Filesystem(_)) => {
                known = index.known(&source.name).await.map_err(|e| at_index(spec, e))?;
            }
            (Some(index), SourceKind::Jsonl(_) | SourceKind::Kafka(_)) => {
                let wanted = index.wanted_again(&source.name).await.map_err(|e| at_index(spec, e))?;
                again.extend(wanted.into_iter().filter_map(|item| {
                    Some(Again { doc_id: DocId::parse(item.doc_id).ok()?, position: item.position })
                }));
            }
            (None, _) => {}
        }
        let checkpoint = writer.head().and_then(|head| head.checkpoint.0.get(source.name.expose()));
        let positions = checkpoint.map(|c| c.partitions.clone()).unwrap_or_default();
        let (reprocess, allow_deletes) = (Reprocess::Changed, false);
        let (fingerprint, apart) = (fingerprint.clone(), ours(spec));
        let notices = Arc::new(WrittenDown::of(spec, source));
        Ok(Self { known, positions, again, fingerprint, reprocess, allow_deletes, apart, notices })
    }

    /// Whether the source has never been read to its end.
    pub(crate) fn is_first(&self) -> bool {
        self.positions.is_empty()
    }
}

/// A source of the pipeline that ends, ready to be pulled.
pub(crate) fn source(spec: &SourceSpec, start: Start) -> Result<Box<dyn Source>, RunError> {
    let position = start.positions.get(SCAN).copied();
    let Start { known, positions, again, fingerprint, reprocess, allow_deletes, apart, notices } = start;
    let clock = Arc::new(SystemClock);
    Ok(match &spec.kind {
        SourceKind::Filesystem(settings) => {
            let filesystem = filesystem(spec, settings, allow_deletes, apart, notices);
            Box::new(FilesystemSource::scan(filesystem, known, fingerprint, reprocess, position, clock)?)
        }
        SourceKind::Jsonl(settings) => {
            Box::new(jsonl(spec, settings, JsonlMode::Backfill, positions, again)?)
        }
        SourceKind::Kafka(settings) => {
            Box::new(kafka::source(spec, settings, KafkaMode::Backfill, positions, again)?)
        }
    })
}

/// A source of the pipeline that goes on, ready to be pulled.
pub(crate) fn following(
    spec: &PipelineSpec,
    source: &SourceSpec,
    start: Start,
) -> Result<Box<dyn Source>, RunError> {
    let position = start.positions.get(SCAN).copied();
    let Start { known, positions, again, fingerprint, apart, notices, .. } = start;
    Ok(match &source.kind {
        SourceKind::Filesystem(settings) => {
            let follow =
                FollowSettings { reconcile_interval: spec.run.reconcile_interval, settle: spec.run.settle };
            let filesystem = filesystem(source, settings, false, apart, notices);
            let clock = Arc::new(SystemClock);
            Box::new(FilesystemFollow::new(filesystem, known, fingerprint, position, clock, follow)?)
        }
        SourceKind::Jsonl(settings) => {
            Box::new(jsonl(source, settings, JsonlMode::Follow, positions, again)?)
        }
        SourceKind::Kafka(settings) => {
            Box::new(kafka::source(source, settings, KafkaMode::Follow, positions, again)?)
        }
    })
}

fn jsonl(
    spec: &SourceSpec,
    settings: &JsonlSettings,
    mode: JsonlMode,
    positions: BTreeMap<String, u64>,
    again: Vec<Again>,
) -> Result<JsonlSource, RunError> {
    let jsonl = JsonlSpec {
        name: spec.name.expose().clone(),
        default_acl: exposed(settings.default_acl.as_ref()),
        content_roots: all_exposed(&settings.content_roots),
        content_buckets: settings.content_buckets.iter().map(bucket_of).collect(),
        max_event_size: settings.max_event_size,
    };
    let clock = Arc::new(SystemClock);
    Ok(match settings.path.expose() {
        JsonlInput::Stdin => JsonlSource::stdin(jsonl, Box::new(std::io::stdin()), clock)?,
        JsonlInput::File(path) => JsonlSource::file(jsonl, path.clone(), mode, positions, again, clock)?,
    })
}

/// A bucket that events may take content from.
fn bucket_of(settings: &BucketSettings) -> BucketSpec {
    let access_key = |key: &AccessKeySettings| AccessKey {
        id: key.id.expose().clone(),
        secret: key.secret.expose().clone(),
        session_token: exposed(key.session_token.as_ref()),
    };
    BucketSpec {
        bucket: settings.bucket.expose().clone(),
        prefix: exposed(settings.prefix.as_ref()),
        endpoint: exposed(settings.endpoint.as_ref()),
        region: exposed(settings.region.as_ref()),
        access_key: settings.access_key.as_ref().map(access_key),
    }
}

/// What a value is, for those who are to use it.
fn exposed<T: Clone>(value: Option<&Value<T>>) -> Option<T> {
    value.map(|value| value.expose().clone())
}

fn all_exposed<T: Clone>(values: &[Value<T>]) -> Vec<T> {
    values.iter().map(|value| value.expose().clone()).collect()
}

/// The index and the pipeline file.
pub(crate) fn ours(spec: &PipelineSpec) -> Vec<PathBuf> {
    vec![spec.index.path.expose().clone(), spec.file.clone()]
}

fn filesystem(
    spec: &SourceSpec,
    settings: &FilesystemSettings,
    allow_deletes: bool,
    apart: Vec<PathBuf>,
    notices: Arc<dyn Notices>,
) -> FilesystemSpec {
    FilesystemSpec {
        name: spec.name.expose().clone(),
        root: settings.root.expose().clone(),
        include: all_exposed(&settings.include),
        exclude: all_exposed(&settings.exclude),
        hidden: settings.hidden,
        gitignore: settings.gitignore,
        apart,
        default_acl: exposed(settings.default_acl.as_ref()),
        max_file_size: settings.max_file_size,
        allow_deletes,
        metadata: all_exposed(&settings.metadata),
        notices,
    }
}

/// A person's intervention in the pipeline's index, which must be there and be this pipeline's.
pub(crate) async fn intervention(spec: &PipelineSpec, file: &Path) -> Result<Intervention, Failure> {
    open_index(spec, file).await?;
    let opened = Intervention::open(&spec.index.path, &spec.name, options(spec)).await;
    opened.map_err(|e| at_index(spec, e))
}

/// How the pipeline's index is written.
pub(crate) fn options(spec: &PipelineSpec) -> Options {
    let durability = match spec.index.durability {
        alluvium_config::Durability::Power => Durability::Power,
        alluvium_config::Durability::Process => Durability::Process,
    };
    Options { durability, clock: Arc::new(SystemClock), retention: retention(spec) }
}

/// What of the index's past is kept.
pub(crate) fn retention(spec: &PipelineSpec) -> Retention {
    Retention::new(spec.index.keep_for, spec.index.keep_last)
}

/// The pipeline's index for reading. It must be this pipeline's.
pub(crate) async fn open_index(spec: &PipelineSpec, file: &Path) -> Result<Index, Failure> {
    let Some(index) = Index::open(&spec.index.path).await.map_err(|e| at_index(spec, e))? else {
        return Err(no_index(spec, file));
    };
    let record = index.record();
    if record.pipeline != *spec.name.expose() {
        return Err(at_index(
            spec,
            IndexError::OtherPipeline {
                root: spec.index.path.written().to_owned(),
                found: record.pipeline.to_string(),
                expected: spec.name.written().to_owned(),
            },
        ));
    }
    Ok(index)
}

/// There is nothing to look at yet.
pub(crate) fn no_index(spec: &PipelineSpec, file: &Path) -> Failure {
    let failure = Failure::new(Exit::Failed, "no_index", "there is no index yet");
    let next = format!("run `alluvium backfill {}`", file.display());
    failure.at(spec.index.path.written()).next(next)
}

/// The index must hold what this pipeline's model and chunker make.
pub(crate) fn check_generation(
    spec: &PipelineSpec,
    record: &Record,
    fingerprint: &GenerationFingerprint,
) -> Result<(), Failure> {
    if record.fingerprint.hash() == fingerprint.hash() {
        return Ok(());
    }
    let expected = fingerprint.generation().map(|generation| generation.to_string()).unwrap_or_default();
    Err(at_index(
        spec,
        IndexError::OtherGeneration {
            root: spec.index.path.written().to_owned(),
            found: record.generation.to_string(),
            found_is: record.fingerprint.describe(),
            expected,
            expected_is: fingerprint.describe(),
        },
    ))
}

/// An error of the index, with the index's place.
pub(crate) fn at_index(spec: &PipelineSpec, error: IndexError) -> Failure {
    Failure::from(error).at(spec.index.path.written())
}
