//! The program from outside: what it prints, where, and how it ends.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

mod backfill;
mod usage;

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

/// A folder with a pipeline in it.
struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        let place = Self { folder: tempfile::tempdir().unwrap() };
        place.write("pipeline.toml", &pipeline("potion-base-8M"));
        std::fs::create_dir_all(place.path("docs")).unwrap();
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = program();
        command.current_dir(self.folder.path()).args(arguments);
        command
    }

    /// Runs with `--format json`: the exit code, the result, the error.
    fn run(&self, arguments: &[&str]) -> (i32, Value, Value) {
        let output = self.command(arguments).args(["--format", "json"]).output().unwrap();
        let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
        let result = stdout.lines().last().map_or(Value::Null, |line| json(line, &stdout));
        let line = stderr.lines().find(|line| line.starts_with("{\"error\""));
        let error = line.map_or(Value::Null, |line| json(line, &stderr));
        if !error.is_null() {
            check("error", &error);
        }
        (output.status.code().unwrap_or(-1), result, error)
    }

    fn backfill(&self) -> (i32, Value, Value) {
        self.run(&["backfill", "pipeline.toml"])
    }

    /// The documents that principals find.
    fn search(&self, query: &str, principals: &[&str]) -> Vec<String> {
        let who = principals.iter().flat_map(|principal| ["--as", principal]);
        let arguments: Vec<&str> = ["search", "pipeline.toml", query].into_iter().chain(who).collect();
        let (code, result, error) = self.run(&arguments);
        assert_eq!(code, 0, "{error}");
        check("search", &result);
        let hits = result["hits"].as_array().unwrap();
        hits.iter().map(|hit| hit["doc_id"].as_str().unwrap().to_owned()).collect()
    }
}

fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_alluvium"));
    command.stdin(Stdio::null()).env_remove("ALLUVIUM_LOG").env_remove("RUST_LOG");
    command
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn json(line: &str, all: &str) -> Value {
    serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {all}"))
}

fn run(arguments: &[&str]) -> Output {
    program().args(arguments).output().unwrap()
}

/// Checks a result against its schema.
fn check(schema: &str, value: &Value) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../../schemas/{schema}.schema.json"));
    let schema = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let errors: Vec<String> = validator.iter_errors(value).map(|e| e.to_string()).collect();
    assert!(errors.is_empty(), "{errors:?} in {value}");
}

fn pipeline(model: &str) -> String {
    format!(
        r#"
version = 1
name = "test"
[index]
uri = "index"
durability = "process"
[model]
name = "{model}"
[chunk]
max_tokens = 64
overlap_tokens = 8
[[source]]
name = "docs"
type = "filesystem"
root = "docs"
include = ["**/*"]
default_acl = {{ readers = ["group:staff"] }}
"#
    )
}
