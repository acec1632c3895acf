//! Help, usage errors, and commands that need no model.

use std::io::Read;

use super::{Place, check, pipeline, program, run, text};

#[path = "../../../../tests/harness/command_names.rs"]
mod command_names;

use command_names::COMMANDS;

#[test]
fn help_shows_what_exists_and_nothing_else() {
    let output = run(&["--help"]);
    let help = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0));
    for command in COMMANDS {
        assert!(help.contains(&format!("\n  {command} ")), "{command}: {help}");
        assert!(text(&run(&[command, "--help"]).stdout).contains("Example"), "{command}");
    }
    assert!(!help.contains("\n  worker "), "{help}");
}

#[test]
fn a_wrong_command_line_is_exit_code_two() {
    let place = Place::new();
    for arguments in
        [&["search", "pipeline.toml", "q"][..], &["bakfill"], &["search", "p", "q", "--as", "a", "-x"]]
    {
        let (code, result, error) = place.run(arguments);
        assert_eq!((code, error["error"]["code"].as_str()), (2, Some("usage")), "{arguments:?}");
        assert!(result.is_null());
    }
    assert_eq!(run(&[]).status.code(), Some(2));
}

#[test]
fn a_principal_that_could_never_match_is_a_usage_error() {
    let place = Place::new();
    for principal in ["", " group:staff"] {
        let (code, _, error) = place.run(&["search", "pipeline.toml", "q", "--as", principal]);
        assert_eq!((code, error["error"]["code"].as_str()), (2, Some("usage")), "{principal:?}");
    }
}

#[test]
fn a_pipeline_file_is_validated_with_line_and_key() {
    let place = Place::new();
    let (code, result, _) = place.run(&["validate", "pipeline.toml"]);
    check("validate", &result);
    assert_eq!((code, result["name"].as_str()), (0, Some("test")));

    place.write("pipeline.toml", &pipeline("potion-base-8M").replace("max_tokens = 64", "max_tokens = 6400"));
    let (code, _, error) = place.run(&["validate", "pipeline.toml"]);
    let message = error["error"]["message"].as_str().unwrap();
    assert_eq!((code, error["error"]["code"].as_str()), (2, Some("config")), "{error}");
    assert!(message.contains("chunk.max_tokens") && message.contains("512"), "{message}");
    assert!(error["error"]["where"].as_str().unwrap().starts_with("pipeline.toml:"), "{error}");

    place.write("pipeline.toml", &pipeline("potion-base-9M"));
    let (code, _, error) = place.run(&["validate", "pipeline.toml"]);
    assert_eq!(code, 2);
    assert!(error["error"]["message"].as_str().unwrap().contains("potion-base-8M"), "{error}");

    let (code, _, error) = place.run(&["validate", "nowhere.toml"]);
    assert_eq!((code, error["error"]["where"].as_str()), (2, Some("nowhere.toml")));
}

#[test]
fn without_an_index_the_way_to_one_is_named() {
    let place = Place::new();
    for arguments in [
        &["status", "pipeline.toml"][..],
        &["search", "pipeline.toml", "q", "--as", "a"],
        &["explain", "pipeline.toml", "x"],
        &["quarantine", "list", "pipeline.toml"],
        &["verify", "pipeline.toml", "--source"],
    ] {
        let (code, _, error) = place.run(arguments);
        assert_eq!((code, error["error"]["code"].as_str()), (1, Some("no_index")), "{arguments:?} {error}");
        assert_eq!(error["error"]["next"], "Run `alluvium backfill pipeline.toml`.");
    }
    assert!(!place.path("index").exists(), "looking creates nothing");
}

#[test]
fn contracts_are_printed_as_json() {
    for contract in ["config", "events", "index"] {
        let output = run(&["schema", contract]);
        let schema: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert!(schema.is_object(), "{contract}");
    }
}

#[test]
fn models_are_listed_with_their_state() {
    let place = Place::new();
    let (code, result, _) = place.run(&["models", "list"]);
    check("models", &result);
    assert_eq!((code, result["runtime"]["state"].as_str()), (0, Some("present")));
    let empty = place.path("home");
    let output = place.command(&["models", "list", "--format", "json"]).env("ALLUVIUM_HOME", &empty).output();
    let result: serde_json::Value = serde_json::from_slice(&output.unwrap().stdout).unwrap();
    assert!(result["models"].as_array().unwrap().iter().all(|model| model["state"] == "missing"), "{result}");
    let verify = place.command(&["models", "verify", "gte-small"]).env("ALLUVIUM_HOME", &empty).output();
    assert_eq!(verify.unwrap().status.code(), Some(1));
    assert_eq!(place.run(&["models", "list", "gte-smal"]).0, 2);
}

#[test]
fn a_closed_pipe_is_no_panic() {
    let mut child =
        program().args(["schema", "config"]).stdout(std::process::Stdio::piped()).spawn().unwrap();
    let mut first = [0; 1];
    child.stdout.take().unwrap().read_exact(&mut first).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
}
