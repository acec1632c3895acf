//! A folder with documents and a pipeline file, and the program run over it.

#[allow(dead_code, reason = "the tests of the Kafka source use it, too, and other parts of it")]
mod broker;
mod command_names;
mod events;
mod hits;
mod home;
mod pdf;
mod pipeline;
mod process;
mod prose;
mod random;
mod rows;
mod run;
mod server;
mod storage;
#[allow(dead_code, reason = "the tests of buckets use it, too, and other parts of it")]
mod store;
mod template;

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;

use serde_json::Value;
use tempfile::TempDir;

pub(crate) use broker::Broker;
pub(crate) use command_names::COMMANDS;
pub(crate) use events::{EVENT_FILE, EVENTS, change_event, event};
pub(crate) use hits::Hit;
pub(crate) use home::{Home, home};
pub(crate) use pdf::pdf;
pub(crate) use pipeline::Pipeline;
pub(crate) use process::{Process, poll};
pub(crate) use prose::{paragraph, sentence};
pub(crate) use random::Random;
pub(crate) use run::Run;
pub(crate) use storage::{head, in_a_commit, manifest, records};
pub(crate) use store::{ACCESS_KEY, BUCKET, Store};
pub(crate) use template::{copy, template};

use rows::Rows;

/// The program under test.
const PROGRAM: &str = env!("CARGO_BIN_EXE_alluvium");

/// Most hits that a search gives.
const MOST: usize = 1000;

/// The repository.
pub(crate) fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// A temporary folder: `docs` to read, a pipeline file that reads it, and the index.
pub(crate) struct World {
    folder: TempDir,
    pipeline: Pipeline,
    /// Plain LanceDB, once it is asked for something.
    plain: Mutex<Option<Rows>>,
}

impl World {
    /// With the pipeline that most tests use.
    pub(crate) fn new() -> Self {
        Self::with(Pipeline::default())
    }

    /// With another pipeline.
    pub(crate) fn with(pipeline: Pipeline) -> Self {
        let folder = tempfile::Builder::new().prefix("alluvium-test-").tempdir().unwrap();
        fs::create_dir(folder.path().join("docs")).unwrap();
        let world = Self { folder, pipeline, plain: Mutex::default() };
        world.pipeline("pipeline.toml", &world.pipeline);
        world
    }

    /// A path in the temporary folder.
    pub(crate) fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Where the index is.
    pub(crate) fn index(&self) -> PathBuf {
        self.path(self.pipeline.index)
    }

    /// Writes a pipeline file.
    pub(crate) fn pipeline(&self, name: &str, pipeline: &Pipeline) {
        fs::write(self.path(name), pipeline.text()).unwrap();
    }

    /// A path beneath `docs`.
    pub(crate) fn doc(&self, name: impl AsRef<Path>) -> PathBuf {
        self.path("docs").join(name)
    }

    /// Writes a document.
    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        let path = self.doc(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    /// Appends to a file beside `docs`, as a producer does.
    pub(crate) fn append(&self, name: &str, text: &str) {
        let mut file = fs::OpenOptions::new().create(true).append(true).open(self.path(name)).unwrap();
        file.write_all(text.as_bytes()).unwrap();
    }

    /// Removes a document.
    pub(crate) fn remove(&self, name: &str) {
        fs::remove_file(self.doc(name)).unwrap();
    }

    /// Writes the sidecar of a document, or with an empty name that of the folder.
    pub(crate) fn acl(&self, name: &str, readers: &[&str], denied: &[&str]) {
        self.write(&format!("{name}.acl.toml"), format!("readers = {readers:?}\ndenied = {denied:?}\n"));
    }

    /// The program with arguments, in the temporary folder and a bare environment.
    pub(crate) fn command<A: AsRef<OsStr>>(&self, args: &[A]) -> Command {
        let mut command = Command::new(PROGRAM);
        command.args(args).current_dir(self.folder.path()).env("ALLUVIUM_HOME", home());
        for name in ["ALLUVIUM_LOG", "RUST_LOG", "RUST_BACKTRACE"] {
            command.env_remove(name);
        }
        command
    }

    /// Runs the program to its end.
    pub(crate) fn run<A: AsRef<OsStr>>(&self, args: &[A]) -> Run {
        Run::of(&mut self.command(args))
    }

    /// Brings the index up to date.
    pub(crate) fn backfill(&self) -> Run {
        self.run(&["backfill", "pipeline.toml", "--format", "json"])
    }

    /// The same, which must succeed with this exit code, and its result.
    pub(crate) fn backfilled(&self, code: i32) -> Value {
        self.backfill().expect(code).json()
    }

    /// The state of the index.
    pub(crate) fn status(&self) -> Value {
        self.run(&["status", "pipeline.toml", "--format", "json"]).expect(0).json()
    }

    /// What waits in quarantine, as `(doc_id, cause)`.
    pub(crate) fn quarantine(&self) -> BTreeSet<(String, String)> {
        let list = self.run(&["quarantine", "list", "pipeline.toml", "--format", "json"]).expect(0).json();
        let text = |item: &Value, key: &str| item[key].as_str().unwrap().to_owned();
        let items = list["items"].as_array().unwrap().iter();
        items.map(|item| (text(item, "doc_id"), text(item, "cause"))).collect()
    }

    /// Searches as somebody.
    pub(crate) fn search_run(&self, query: &str, principals: &[&str]) -> Run {
        self.search_with(query, principals, &[])
    }

    /// Searches as somebody, with more arguments.
    pub(crate) fn search_with(&self, query: &str, principals: &[&str], more: &[&str]) -> Run {
        let limit = MOST.to_string();
        let mut args = vec!["search", "pipeline.toml", query, "--limit", &limit, "--format", "json"];
        args.extend(principals.iter().flat_map(|principal| ["--as", principal]));
        args.extend(more);
        self.run(&args)
    }

    /// The hits of somebody, best first.
    pub(crate) fn search(&self, query: &str, principals: &[&str]) -> Vec<Hit> {
        Hit::all(&self.search_run(query, principals).expect(0).json())
    }

    /// All documents that somebody can find, in an index whose every chunk fits into one result.
    #[track_caller]
    pub(crate) fn documents_for(&self, principals: &[&str]) -> BTreeSet<String> {
        let hits = self.search("anything at all", principals);
        assert!(hits.len() < MOST, "there may be more than these hits");
        hits.into_iter().map(|hit| hit.doc_id).collect()
    }

    /// A script of `tests/python`, ready to run, in the project's Python with LanceDB.
    pub(crate) fn python_command<A: AsRef<OsStr>>(&self, script: &str, args: &[A]) -> Command {
        let python = repository().join(".tools/venv/bin/python");
        assert!(python.exists(), "{} is missing: run `cargo xtask test` or its setup", python.display());
        let mut command = Command::new(python);
        command.arg("-B").arg(repository().join("tests/python").join(script));
        command.args(args).current_dir(self.folder.path());
        command
    }

    /// Runs a script and returns the JSON that it prints.
    pub(crate) fn python<A: AsRef<OsStr>>(&self, script: &str, args: &[A]) -> Value {
        Run::of(&mut self.python_command(script, args)).expect(0).json()
    }

    /// Every row that plain LanceDB sees at the tag `live`, table by table, without what differs from
    /// run to run: times, sequence numbers, stamps.
    pub(crate) fn rows(&self, index: impl AsRef<Path>) -> Value {
        let mut plain = self.plain.lock().unwrap();
        let plain =
            plain.get_or_insert_with(|| Rows::start(&mut self.python_command::<&str>("rows.py", &[])));
        plain.of(&self.path(index))
    }
}

/// All files beneath a folder with their sizes, but for the locks, which say who looked last.
pub(crate) fn files(folder: &Path) -> BTreeMap<PathBuf, u64> {
    let mut found = BTreeMap::new();
    for item in fs::read_dir(folder).unwrap() {
        let item = item.unwrap();
        if item.path().is_dir() {
            found.extend(files(&item.path()));
        } else if item.path().extension().is_none_or(|e| e != "lock") {
            found.insert(item.path(), item.metadata().unwrap().len());
        }
    }
    found
}

/// Two dumps of [`World::rows`] must be equal; shows the first rows that differ, without their vectors.
#[track_caller]
pub(crate) fn check_same_rows(left: &Value, right: &Value) {
    for table in ["chunks", "documents", "policy", "quarantine"] {
        let rows = |dump: &Value| dump[table].as_array().unwrap().clone();
        let (left, right) = (rows(left), rows(right));
        if let Some((mut l, mut r)) = left.iter().cloned().zip(right.iter().cloned()).find(|(l, r)| l != r) {
            let same_vector = l["vector"] == r["vector"];
            for row in [&mut l, &mut r] {
                row["vector"].take();
            }
            panic!("{table} differ (vectors equal: {same_vector}):\n{l:#}\n{r:#}");
        }
        assert_eq!(left.len(), right.len(), "rows in {table}");
    }
}

/// Holds a result against a schema of the repository.
#[track_caller]
pub(crate) fn check_schema(file: &str, value: &Value) {
    let path = repository().join("schemas").join(file);
    let text = fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let schema: Value = serde_json::from_str(&text).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let errors: Vec<_> = validator.iter_errors(value).map(|e| e.to_string()).collect();
    assert!(errors.is_empty(), "{file}: {errors:?} in {value}");
}

/// What is live in the index is what a fresh backfill of the same tree makes. What is gone, only the
/// index remembers.
#[track_caller]
pub(crate) fn check_fresh(world: &World) {
    world.pipeline("fresh.toml", &Pipeline { index: "fresh", ..Pipeline::default() });
    world.run(&["backfill", "fresh.toml"]).expect(0);
    let live = |mut dump: Value| {
        let mut keep = |table: &str, gone: fn(&Value) -> bool| {
            dump[table].as_array_mut().unwrap().retain(|row| !gone(row));
        };
        keep("documents", |row| row["state"] == "deleted");
        keep("policy", |row| !row["deleted_version"].is_null());
        keep("quarantine", |_| true);
        dump
    };
    check_same_rows(&live(world.rows("index")), &live(world.rows("fresh")));
}

/// The ids of documents with these names.
pub(crate) fn ids(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| format!("docs/{name}")).collect()
}
