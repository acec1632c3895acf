//! Another model, other settings, another pipeline, another writer, broken tools: named, with the way out,
//! and nothing touched.

use std::fs;
use std::path::{Path, PathBuf};

use crate::harness::{Home, Pipeline, Process, Run, World, files, paragraph, poll};

/// A world with one document in its index.
fn indexed(pipeline: Pipeline) -> World {
    let world = World::with(pipeline);
    world.write("a.md", "# Water\n\nThe river is high.\n");
    world.backfilled(0);
    world
}

/// Commands that must refuse an index that is not theirs, each in both formats.
fn check_refused(world: &World, other: &Pipeline, code: &str, words: &[&str]) {
    world.pipeline("other.toml", other);
    let before = files(&world.index());
    let commands: [&[&str]; 2] =
        [&["backfill", "other.toml"], &["search", "other.toml", "river", "--as", "group:staff"]];
    for command in commands {
        let text = world.run(command).expect(2);
        assert_eq!(text.stdout, "", "{text}");
        text.says(words);
        text.says(&["next: ", "index.uri"]);
        let run = world.run(&[command, &["--format", "json"]].concat()).expect(2);
        assert_eq!(run.stdout, "", "{run}");
        assert_eq!(run.stderr.lines().count(), 1, "{run}");
        let [found, message, place, next] = run.error();
        assert_eq!(found, code, "{run}");
        for word in words {
            assert!(message.contains(word), "{word:?} is not in {message:?}");
        }
        assert!(place.contains("index") && next.contains("index.uri"), "{run}");
    }
    assert_eq!(files(&world.index()), before, "nothing was written");
    assert_eq!(world.documents_for(&["group:staff"]).len(), 1);
}

#[test]
fn another_model_of_the_same_dimension_is_refused() {
    let mine = Pipeline { model: "all-MiniLM-L6-v2", ..Pipeline::default() };
    let world = indexed(mine.clone());
    let other = Pipeline { model: "gte-small", ..mine };
    check_refused(&world, &other, "other_generation", &["all-MiniLM-L6-v2", "gte-small"]);
}

#[test]
fn another_model_of_another_dimension_is_refused() {
    let world = indexed(Pipeline::default());
    let other = Pipeline { model: "all-MiniLM-L6-v2", ..Pipeline::default() };
    check_refused(&world, &other, "other_generation", &["potion-base-8M", "all-MiniLM-L6-v2"]);
}

#[test]
fn other_chunk_settings_are_refused() {
    let world = indexed(Pipeline::default());
    let longer = Pipeline { max_tokens: 96, ..Pipeline::default() };
    check_refused(&world, &longer, "other_generation", &["64 tokens", "96 tokens"]);
    let overlapping = Pipeline { overlap_tokens: 16, ..Pipeline::default() };
    check_refused(&world, &overlapping, "other_generation", &["8 overlap", "16 overlap"]);
}

#[test]
fn another_pipeline_is_refused() {
    let world = indexed(Pipeline::default());
    let other = Pipeline { name: "stranger", ..Pipeline::default() };
    check_refused(&world, &other, "other_pipeline", &["\"test\"", "\"stranger\""]);
    for command in [&["status", "other.toml"][..], &["quarantine", "list", "other.toml"]] {
        let run = world.run(command).expect(2);
        run.says(&["\"test\"", "\"stranger\"", "next: "]);
    }
}

#[test]
fn a_second_backfill_is_told_who_holds_the_index() {
    let world = World::with(Pipeline { more: "[commit]\nmax_documents = 5", ..Pipeline::default() });
    for i in 0..200 {
        world.write(&format!("d{i}.md"), paragraph(i));
    }
    let mut first = Process::start(&mut world.command(&["backfill", "pipeline.toml"]));
    let lock = world.index().join("writer.lock");
    let pid = first.child().id().to_string();
    poll("holder of the lock", || fs::read_to_string(&lock).ok().filter(|text| text.contains(&pid)));
    first.signal("STOP");
    assert!(!first.is_over());
    let second = world.backfill().expect(4);
    let [code, message, _, next] = second.error();
    assert_eq!(code, "index_held", "{second}");
    assert!(message.contains(&format!("process {pid} ")), "{second}");
    assert!(next.starts_with("Wait"), "{second}");
    assert_eq!(second.stdout, "");
    first.signal("CONT");
    first.end().expect(0);
    assert_eq!(world.backfilled(0)["published"], false);
}

/// A backfill in a broken home: what is said, in both formats, and that nothing was begun.
fn check_broken(home: &Home, file: &Path, codes: &[&str], mend: &str) {
    let world = World::new();
    world.write("a.md", "# Water\n\nThe river is high.\n");
    let run = |args: &[&str]| Run::of(world.command(args).env("ALLUVIUM_HOME", home.path()));
    let name = file.file_name().unwrap().to_str().unwrap();
    let text = run(&["backfill", "pipeline.toml"]).expect(1);
    text.says(&[name, mend]);
    let json = run(&["backfill", "pipeline.toml", "--format", "json"]).expect(1);
    assert_eq!(json.stderr.lines().count(), 1, "{json}");
    let [code, message, _, next] = json.error();
    assert!(codes.contains(&code.as_str()), "{json}");
    assert!(message.contains(name) && next.contains(mend), "{json}");
    assert!(!world.index().join("ledger").exists(), "the index was touched");
}

fn model_files() -> [&'static str; 2] {
    ["model.onnx", "tokenizer.json"]
}

#[test]
fn a_broken_model_file_is_named_at_start() {
    let mend = "alluvium models fetch potion-base-8M";
    for name in model_files() {
        let good = fs::read(Home::of("potion-base-8M").model_file(name)).unwrap();
        let mut flipped = good.clone();
        flipped[good.len() / 2] ^= 1;
        let broken: [(&[u8], &str); 4] = [
            (b"", "model_file_empty"),
            (&good[..good.len() / 2], "model_file_corrupt"),
            (b"not a model", "model_file_corrupt"),
            (&flipped, "model_file_corrupt"),
        ];
        for (bytes, code) in broken {
            let home = Home::of("potion-base-8M");
            let file = home.model_file(name);
            home.replace(&file, bytes);
            check_broken(&home, &file, &[code], mend);
        }
        let home = Home::of("potion-base-8M");
        fs::remove_file(home.model_file(name)).unwrap();
        check_broken(&home, &home.model_file(name), &["model_file_missing"], mend);
    }
}

/// A library that is surely there and surely not ONNX Runtime: the C library of this very process.
fn another_library() -> PathBuf {
    let maps = fs::read_to_string("/proc/self/maps").unwrap();
    let path = maps.split_whitespace().find(|word| word.contains("/libc.so") || word.contains("/libc-"));
    path.expect("this process uses a C library").into()
}

#[test]
fn a_missing_or_wrong_runtime_library_is_named_at_start() {
    let mend = "alluvium models fetch";
    let libc = fs::read(another_library()).unwrap();
    let wrong = ["model_file_corrupt", "model_unavailable"];
    for (bytes, codes) in [(&b"not a library"[..], &wrong[..]), (&libc, &wrong), (b"", &["model_file_empty"])]
    {
        let home = Home::of("potion-base-8M");
        let library = home.library();
        home.replace(&library, bytes);
        check_broken(&home, &library, codes, mend);
    }
    let home = Home::of("potion-base-8M");
    let library = home.library();
    fs::remove_file(&library).unwrap();
    check_broken(&home, &library, &["model_file_missing"], mend);
}

#[test]
fn a_home_without_anything_names_the_first_thing() {
    let world = World::new();
    let empty = world.path("empty");
    fs::create_dir(&empty).unwrap();
    let run = Run::of(world.command(&["backfill", "pipeline.toml"]).env("ALLUVIUM_HOME", &empty)).expect(1);
    run.says(&["missing", "alluvium models fetch"]);
}
