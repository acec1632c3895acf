//! What others script against: help, exit codes, one error on one line, results on stdout, schemas.

use std::fs;
use std::process::Stdio;

use serde_json::Value;

use crate::harness::{COMMANDS, Pipeline, Process, World, check_schema, paragraph, repository};

fn indexed() -> World {
    let world = World::new();
    world.write("a.md", "# Water\n\nThe river is high.\n");
    world.write("empty.txt", "");
    world.write("table.csv", "a,b\n");
    world.backfilled(3);
    world
}

/// The names in the section `Commands:` of a help text.
fn listed(help: &str) -> Vec<String> {
    let section = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let lines = section.take_while(|line| !line.trim().is_empty());
    let names = lines.filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    names
        .map(|line| line.split_whitespace().next().unwrap().to_owned())
        .filter(|name| name != "help")
        .collect()
}

#[test]
fn help_lists_the_commands_that_there_are_and_no_others() {
    let world = World::new();
    let help = world.run(&["--help"]).expect(0);
    assert_eq!(help.stderr, "");
    assert_eq!(listed(&help.stdout), COMMANDS);
    for command in COMMANDS {
        let help = world.run(&[command, "--help"]).expect(0);
        assert!(help.stdout.contains("Example"), "{help}");
        for name in listed(&help.stdout) {
            world.run(&[command, &name, "--help"]).expect(0);
        }
    }
    assert_eq!(listed(&world.run(&["quarantine", "--help"]).stdout), ["list", "show", "retry", "drop"]);
    assert_eq!(listed(&world.run(&["models", "--help"]).stdout), ["list", "fetch", "verify"]);
    let version = world.run(&["--version"]).expect(0);
    assert!(version.stdout.starts_with("alluvium "), "{version}");
}

/// A broken pipeline file: where the error is, and what it says.
fn check_invalid(world: &World, text: &str, line: usize, words: &[&str]) {
    fs::write(world.path("broken.toml"), text).unwrap();
    let shown = world.run(&["validate", "broken.toml"]).expect(2);
    assert_eq!(shown.stdout, "", "{shown}");
    shown.says(&[&format!("broken.toml:{line}:")]);
    shown.says(words);
    let run = world.run(&["validate", "broken.toml", "--format", "json"]).expect(2);
    assert_eq!(run.stderr.lines().count(), 1, "{run}");
    let [code, message, place, next] = run.error();
    assert_eq!(code, "config");
    assert!(place.starts_with(&format!("broken.toml:{line}:")), "{run}");
    assert!(!message.is_empty() && !next.is_empty(), "{run}");
    // Whatever reads the file says the same.
    assert_eq!(world.run(&["status", "broken.toml", "--format", "json"]).expect(2).error()[1], message);
}

#[test]
fn an_invalid_pipeline_names_file_line_key_and_the_nearest_key() {
    let world = World::new();
    let good = Pipeline::default().text();
    let line_of = |text: &str, word: &str| text.lines().position(|line| line.contains(word)).unwrap() + 1;
    let check = |from: &str, to: &str, words: &[&str]| {
        assert!(good.contains(from), "{from:?} is not in {good}");
        let text = good.replacen(from, to, 1);
        check_invalid(&world, &text, line_of(&text, to), words);
    };
    check("max_tokens =", "max_tokns =", &["chunk.max_tokns", "\"max_tokens\""]);
    check("include =", "inclde =", &["source[0].inclde", "\"include\""]);
    check("max_tokens = 64", "max_tokens = \"many\"", &["chunk.max_tokens", "expected", "\"many\""]);
    check("max_tokens = 64", "max_tokens = 4096", &["chunk.max_tokens", "512"]);
    check("overlap_tokens = 8", "overlap_tokens = 64", &["chunk.overlap_tokens"]);
    check("\"potion-base-8M\"", "\"potion-base\"", &["model.name", "potion-base-8M"]);
    check("\"filesystem\"", "\"filesytem\"", &["source[0].type", "\"filesystem\""]);
    check("uri = \"index\"", "uri = \"s3://bucket/index\"", &["index.uri", "s3"]);
    check("version = 1", "version = 2", &["version"]);
    check("version = 1", "version = = 1", &["TOML"]);
    world.run(&["validate", "pipeline.toml"]).expect(0);
    world.run(&["validate", "nowhere.toml"]).expect(2).says(&["nowhere.toml"]);
}

#[test]
fn secrets_never_print() {
    let world = World::new();
    let text = Pipeline::default().text().replace("group:staff", "${SECRET_GROUP}");
    fs::write(world.path("secret.toml"), text).unwrap();
    let unset = world.run(&["validate", "secret.toml"]).expect(2);
    unset.says(&["SECRET_GROUP", "secret.toml:"]);
    for value in ["group:hush", " hush "] {
        for format in ["text", "json"] {
            let mut command = world.command(&["validate", "secret.toml", "--format", format]);
            let run = crate::harness::Run::of(command.env("SECRET_GROUP", value));
            assert!(!run.stdout.contains("hush") && !run.stderr.contains("hush"), "{run}");
        }
    }
}

#[test]
fn a_json_error_is_one_line_on_stderr() {
    let world = World::new();
    let commands: [(&[&str], i32, &str); 9] = [
        (&["search", "pipeline.toml", "x", "--format", "json"], 2, "usage"),
        (&["search", "pipeline.toml", "", "--as", "a", "--format", "json"], 2, "usage"),
        (&["search", "pipeline.toml", "x", "--as", "a", "--limit", "0", "--format=json"], 2, "usage"),
        (&["nonsense", "--format", "json"], 2, "usage"),
        (&["backfill", "pipeline.toml", "--source", "nope", "--format", "json"], 2, "usage"),
        (&["backfill", "nowhere.toml", "--format", "json"], 2, "pipeline_unreadable"),
        (&["status", "pipeline.toml", "--format", "json"], 1, "no_index"),
        (&["search", "pipeline.toml", "x", "--as", "a", "--format", "json"], 1, "no_index"),
        (&["models", "list", "nope", "--format", "json"], 2, "model_unknown"),
    ];
    for (command, exit, code) in commands {
        let run = world.run(command).expect(exit);
        assert_eq!(run.stdout, "", "{run}");
        assert_eq!(run.stderr.lines().count(), 1, "{run}");
        let [found, message, _, next] = run.error();
        assert_eq!(found, code, "{run}");
        assert!(!message.is_empty() && !next.is_empty(), "{run}");
    }
}

/// The keys of an object, sorted.
fn keys(value: &Value) -> Vec<&str> {
    let object = value.as_object().unwrap_or_else(|| panic!("{value} is no object"));
    let mut keys: Vec<&str> = object.keys().map(String::as_str).collect();
    keys.sort_unstable();
    keys
}

/// Runs a command in JSON: one line on stdout, and no more.
fn result(world: &World, args: &[&str], code: i32) -> Value {
    let run = world.run(&[args, &["--format", "json"]].concat()).expect(code);
    assert_eq!(run.stdout.lines().count(), 1, "{run}");
    run.json()
}

#[test]
fn results_are_what_the_schemas_and_the_interface_say() {
    let world = World::new();
    world.write("a.md", "# Water\n\nThe river is high.\n");
    world.write("empty.txt", "");
    world.write("table.csv", "a,b\n");

    let backfill = result(&world, &["backfill", "pipeline.toml"], 3);
    check_schema("backfill.schema.json", &backfill);
    assert_eq!(keys(&backfill), ["chunks", "documents", "published", "release", "seconds"]);
    let documents = ["deleted", "indexed", "quarantined", "seen", "skipped", "skipped_by_type", "unchanged"];
    assert_eq!(keys(&backfill["documents"]), documents);
    assert_eq!(keys(&backfill["chunks"]), ["embedded", "reused", "words_only", "written"]);
    assert_eq!(keys(&backfill["release"]), ["generation", "seq"]);
    assert_eq!(backfill["documents"]["seen"], 3);
    assert_eq!(backfill["documents"]["skipped"], 1);
    assert_eq!(backfill["documents"]["quarantined"], 1);
    assert!(backfill["release"]["seq"].is_u64() && backfill["release"]["generation"].is_string());

    let search = result(&world, &["search", "pipeline.toml", "river", "--as", "group:staff"], 0);
    check_schema("search.schema.json", &search);
    assert_eq!(search["live"], backfill["release"]);
    let hit = [
        "char_end",
        "char_start",
        "chunk_id",
        "doc_id",
        "heading_path",
        "indexed_at",
        "modified_at",
        "page_end",
        "page_start",
        "score",
        "stale_since",
        "text",
        "title",
        "uri",
        "words_only",
    ];
    assert_eq!(keys(&search["hits"][0]), hit);
    let none = result(&world, &["search", "pipeline.toml", "river", "--as", "group:nobody"], 0);
    check_schema("search.schema.json", &none);
    assert_eq!(none["hits"], serde_json::json!([]));

    let status = result(&world, &["status", "pipeline.toml"], 0);
    check_schema("status.schema.json", &status);
    assert_eq!(
        keys(&status),
        [
            "chunks",
            "chunks_words_only",
            "daemon",
            "documents",
            "fragments",
            "live",
            "maintenance",
            "sources",
            "versions"
        ]
    );
    assert!(status["daemon"].is_null(), "nobody follows: {status}");
    assert_eq!(keys(&status["live"]), ["epoch", "generation", "paused", "seq"]);
    assert_eq!(keys(&status["documents"]), ["deleted", "indexed", "quarantined", "stale"]);
    assert_eq!(keys(&status["sources"][0]), ["backlog", "freshness_seconds", "name", "watermark"]);
    assert!(status["sources"][0]["watermark"].is_string(), "{status}");

    let list = result(&world, &["quarantine", "list", "pipeline.toml"], 0);
    check_schema("quarantine_list.schema.json", &list);
    let item = ["attempts", "cause", "detail", "doc_id", "entered_at", "id", "position", "source", "stage"];
    assert_eq!(keys(&list["items"][0]), item);

    let chunk = search["hits"][0]["chunk_id"].as_str().unwrap();
    let explain = result(&world, &["explain", "pipeline.toml", chunk], 0);
    check_schema("explain.schema.json", &explain);
    assert!(explain["char_start"].is_u64() && explain["char_end"].is_u64());

    let models = result(&world, &["models", "list"], 0);
    check_schema("models.schema.json", &models);
    let names: Vec<_> = models["models"].as_array().unwrap().iter().map(|model| &model["name"]).collect();
    assert_eq!(names, ["all-MiniLM-L6-v2", "gte-small", "potion-base-8M"]);
    check_schema("validate.schema.json", &result(&world, &["validate", "pipeline.toml"], 0));

    let error = world.run(&["status", "nowhere.toml", "--format", "json"]).expect(2);
    check_schema("error.schema.json", &serde_json::from_str(error.stderr.trim()).unwrap());
}

#[test]
fn the_printed_contracts_are_those_of_the_repository() {
    let world = World::new();
    let files = [
        ("config", "config.schema.json"),
        ("events", "document_change.v1.schema.json"),
        ("index", "index.json"),
    ];
    for (of, file) in files {
        let printed: Value = serde_json::from_str(&world.run(&["schema", of]).expect(0).stdout).unwrap();
        let text = fs::read_to_string(repository().join("schemas").join(file)).unwrap();
        assert_eq!(printed, serde_json::from_str::<Value>(&text).unwrap(), "schemas/{file} is not current");
    }
}

#[test]
fn the_columns_on_storage_are_those_of_the_schema() {
    let world = indexed();
    let schema: Value = serde_json::from_str(&world.run(&["schema", "index"]).expect(0).stdout).unwrap();
    let columns = world.python("columns.py", &[world.index()]);
    for table in schema["tables"].as_array().unwrap() {
        let role = table["table"].as_str().unwrap().trim_end_matches("_<generation>");
        let names: Vec<_> = table["columns"].as_array().unwrap().iter().map(|c| c["name"].clone()).collect();
        assert_eq!(columns[role], Value::from(names), "{role}");
    }
}

#[test]
fn results_are_on_stdout_and_all_else_is_not() {
    let world = indexed();
    let search = world.run(&["search", "pipeline.toml", "river", "--as", "group:staff"]).expect(0);
    assert!(search.stdout.contains("docs/a.md") && search.stderr.is_empty(), "{search}");
    let nothing = world.run(&["search", "pipeline.toml", "river", "--as", "group:nobody"]).expect(0);
    assert!(nothing.stdout.contains("nothing found"), "{nothing}");
    let list = world.run(&["quarantine", "list", "pipeline.toml"]).expect(0);
    assert!(list.stdout.contains("docs/empty.txt") && list.stdout.contains("empty (extract)"), "{list}");
    let status = world.run(&["status", "pipeline.toml"]).expect(0);
    assert!(status.stdout.contains("1 indexed") && status.stderr.is_empty(), "{status}");
    let backfill = world.run(&["backfill", "pipeline.toml"]).expect(0);
    assert!(
        backfill.stdout.contains("2 unchanged") && backfill.stdout.contains("nothing to publish"),
        "{backfill}"
    );
    // With logs turned up, stdout stays what it is.
    let args = ["search", "pipeline.toml", "river", "--as", "group:staff", "--format", "json"];
    let loud = crate::harness::Run::of(world.command(&args).env("ALLUVIUM_LOG", "debug"));
    assert_eq!(loud.expect(0).stdout.lines().count(), 1);
}

#[test]
fn a_reader_that_went_away_is_no_failure() {
    let world = indexed();
    let commands: [&[&str]; 6] = [
        &["search", "pipeline.toml", "river", "--as", "group:staff"],
        &["search", "pipeline.toml", "river", "--as", "group:staff", "--format", "json"],
        &["status", "pipeline.toml"],
        &["schema", "config"],
        &["--help"],
        &["backfill", "pipeline.toml", "--format", "json"],
    ];
    for args in commands {
        let mut process = Process::start(&mut world.command(args));
        drop(process.child().stdout.take());
        process.end().expect(0);
    }
    // Nobody reads stderr either.
    let mut child = world.command(&["backfill", "nowhere.toml"]);
    let mut child = child.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop((child.stdout.take(), child.stderr.take()));
    assert_eq!(child.wait().unwrap().code(), Some(2));
}

#[test]
fn one_source_of_several() {
    let world = World::new();
    let more = "\n[[source]]\nname = \"more\"\ntype = \"filesystem\"\nroot = \"more\"\ninclude = [\"**/*.md\"]\n\
        default_acl = { readers = [\"group:board\"] }\n";
    fs::write(world.path("pipeline.toml"), Pipeline::default().text() + more).unwrap();
    fs::create_dir(world.path("more")).unwrap();
    fs::write(world.path("more/b.md"), paragraph(1)).unwrap();
    world.write("a.md", paragraph(2));
    let only = result(&world, &["backfill", "pipeline.toml", "--source", "more"], 0);
    assert_eq!(only["documents"]["seen"], 1);
    assert_eq!(world.documents_for(&["group:board", "group:staff"]), ["more/b.md".to_owned()].into());
    assert_eq!(world.backfilled(0)["documents"]["indexed"], 1);
    assert_eq!(world.documents_for(&["group:board"]), ["more/b.md".to_owned()].into());
    assert_eq!(world.documents_for(&["group:staff"]), ["docs/a.md".to_owned()].into());
    let sources = world.status()["sources"].clone();
    assert_eq!(sources.as_array().unwrap().len(), 2, "{sources}");
}
