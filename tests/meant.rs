//! Which files and folders are meant: patterns, our own files, lists under wrong names, and where an index is.

use std::fs;
use std::os::unix::fs::symlink;

use serde_json::Value;

use crate::harness::{Pipeline, World, check_schema, paragraph};

/// A pipeline file with other lines in its source.
fn source(world: &World, name: &str, index: &str, root: &str, lines: &str) {
    let text = Pipeline { index: "INDEX", ..Pipeline::default() }.text();
    let text = text
        .replace("\"INDEX\"", &format!("{index:?}"))
        .replace("root = \"docs\"", &format!("root = {root:?}"));
    fs::write(world.path(name), text.replace("include = [\"**/*\"]", lines)).unwrap();
}

fn codes(result: &Value) -> Vec<String> {
    let warnings = result["warnings"].as_array().into_iter().flatten();
    let text = |warning: &Value| {
        format!("{} {}", warning["code"].as_str().unwrap(), warning["subject"].as_str().unwrap())
    };
    warnings.map(text).collect()
}

#[test]
fn patterns_that_can_match_nothing_are_refused_with_the_key() {
    let world = World::new();
    for (lines, key) in [
        ("include = [\"../docs\"]", "source[0].include[0]"),
        ("include = [\"**/*\", \"\"]", "source[0].include[1]"),
        ("include = [\".github/**\"]", "source[0].include[0]"),
        ("exclude = [\"a\\\\b.md\"]", "source[0].exclude[0]"),
        ("exclude = [\"a/../b\"]", "source[0].exclude[0]"),
    ] {
        source(&world, "p.toml", "index", "docs", lines);
        let [code, message, _, next] =
            world.run(&["validate", "p.toml", "--format", "json"]).expect(2).error();
        assert_eq!(code, "config");
        assert!(message.starts_with(key) && next.contains(key), "{lines}: {message}; {next}");
    }
    for lines in [
        "exclude = [\"drafts\", \"/a/b/\", \"./c\", \".git/**\"]",
        "include = [\".github\"]\nhidden = true\ngitignore = true",
    ] {
        source(&world, "p.toml", "index", "docs", lines);
        world.run(&["validate", "p.toml"]).expect(0);
    }
}

#[test]
fn a_root_in_the_index_is_refused() {
    let world = World::new();
    fs::create_dir_all(world.path("index/in")).unwrap();
    symlink("index", world.path("link")).unwrap();
    for root in ["index", "./index/", "docs/../index", "index/in", "link", "link/in"] {
        source(&world, "p.toml", "index", root, "");
        let [code, message, ..] = world.run(&["validate", "p.toml", "--format", "json"]).expect(2).error();
        assert_eq!(code, "config");
        assert!(message.starts_with("source[0].root: ") && message.contains("index"), "{root}: {message}");
    }
}

#[test]
fn a_source_that_holds_its_index_and_its_pipeline_file_has_neither() {
    let world = World::new();
    world.write("a.md", paragraph(1));
    source(&world, "docs/pipeline.txt", "sub/index", ".", "exclude = [\"drafts\", \"gone/\"]");
    world.write("drafts/b.md", paragraph(2));
    fs::create_dir(world.doc("sub")).unwrap();
    symlink("sub/index", world.doc("named")).unwrap();
    symlink("pipeline.txt", world.doc("too.txt")).unwrap();
    let backfill = ["backfill", "docs/pipeline.txt", "--format", "json"];
    let first = world.run(&backfill).expect(0).json();
    check_schema("backfill.schema.json", &first);
    assert_eq!(
        (&first["documents"]["seen"], &first["documents"]["indexed"]),
        (&1.into(), &1.into()),
        "{first}"
    );
    assert_eq!(codes(&first), ["unmatched_pattern exclude \"gone/\""]);
    fs::write(world.doc("sub/index/note.md"), "in the index").unwrap();
    let second = world.run(&backfill).expect(0).json();
    assert_eq!((&second["documents"]["seen"], &second["published"]), (&1.into(), &false.into()), "{second}");
    world.run(&["verify", "docs/pipeline.txt", "--source"]).expect(0);
}

#[test]
fn a_list_under_a_wrong_name_is_told_everywhere_and_opens_nothing() {
    let world = World::new();
    world.write("report.md", paragraph(1));
    world.write("reports/q1.md", paragraph(2));
    world.write("open.md", paragraph(3));
    world.acl("report", &["user:chief"], &[]);
    world.acl("reports", &["user:chief"], &[]);
    world.acl("left-over.md", &["user:chief"], &[]);
    let first = world.backfilled(3);
    let subjects = ["left-over.md.acl.toml", "report.acl.toml", "reports.acl.toml"];
    let expected = subjects.map(|subject| format!("unused_access_list {subject}"));
    assert_eq!(codes(&first), expected);
    assert_eq!(world.documents_for(&["group:staff", "user:chief"]).len(), 1, "the other two are nobody's");
    let status = world.status();
    check_schema("status.schema.json", &status);
    assert_eq!(codes(&status), expected);
    let shown = world.run(&["status", "pipeline.toml"]).expect(0);
    assert!(
        shown.stdout.contains("report.md.acl.toml") && shown.stdout.contains("reports/.acl.toml"),
        "{shown}"
    );
    let verified = world.run(&["verify", "pipeline.toml", "--source", "--format", "json"]).expect(1).json();
    let findings = verified["findings"].as_array().unwrap();
    assert!(findings.len() == 3 && findings.iter().all(|f| f["check"] == "unused_access_list"), "{verified}");
    let text = world.run(&["backfill", "pipeline.toml"]).expect(0);
    assert!(text.stdout.contains("warning: docs: report.acl.toml: "), "{text}");

    fs::rename(world.doc("report.acl.toml"), world.doc("report.md.acl.toml")).unwrap();
    fs::rename(world.doc("reports.acl.toml"), world.doc("reports/.acl.toml")).unwrap();
    fs::remove_file(world.doc("left-over.md.acl.toml")).unwrap();
    assert_eq!(codes(&world.backfilled(0)), Vec::<String>::new());
    assert_eq!(codes(&world.status()), Vec::<String>::new());
    assert_eq!(world.documents_for(&["user:chief"]).len(), 2);
    world.run(&["verify", "pipeline.toml", "--source"]).expect(0);
}

#[test]
fn an_index_lives_in_a_folder_of_any_name() {
    let world = World::new();
    world.write("a.md", paragraph(1));
    for name in ["ü", "100%20 [a]#1?", "~x", "new\nline"] {
        fs::create_dir(world.path("parent")).unwrap();
        source(&world, "p.toml", &format!("parent/{name}"), "docs", "");
        world.run(&["backfill", "p.toml"]).expect(0);
        world.run(&["releases", "create", "p.toml", "first"]).expect(0);
        world.write("b.md", paragraph(2));
        world.run(&["backfill", "p.toml"]).expect(0);
        world.run(&["maintain", "p.toml"]).expect(0);
        let found = ["search", "p.toml", "water", "--as", "group:staff", "--format", "json"];
        assert_eq!(world.run(&found).expect(0).json()["hits"].as_array().unwrap().len(), 2);
        world.run(&["rollback", "p.toml", "--to", "first"]).expect(0);
        world.run(&["resume", "p.toml"]).expect(0);
        world.run(&["verify", "p.toml"]).expect(0);
        let beside: Vec<_> =
            fs::read_dir(world.path("parent")).unwrap().map(|e| e.unwrap().file_name()).collect();
        assert_eq!(beside, [std::ffi::OsString::from(name)]);
        fs::remove_dir_all(world.path("parent")).unwrap();
        world.remove("b.md");
    }
}
