//! What the documentation says is so: its programs run and are quoted as they are, its commands are
//! commands, its links lead somewhere.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::harness::{Run, World, ids, repository};

/// The reader that the documentation quotes, from where the harness looks for scripts.
const READER: &str = "../../docs/examples/read_index.py";

/// What the reader prints, as `(doc_id, chunk_id, text)`, in its order.
fn read(world: &World, principals: &[&str], options: &[&str]) -> Vec<(String, String, String)> {
    let index = world.index();
    let mut args = vec![index.to_str().unwrap()];
    args.extend(principals);
    args.extend(["--limit", "1000"]);
    args.extend(options);
    let printed = world.python(READER, &args);
    let passage = |row: &serde_json::Value| {
        let text = |key: &str| row[key].as_str().unwrap().to_owned();
        (text("doc_id"), text("chunk_id"), text("text"))
    };
    printed.as_array().unwrap().iter().map(passage).collect()
}

fn documents(passages: &[(String, String, String)]) -> BTreeSet<String> {
    passages.iter().map(|(doc_id, ..)| doc_id.clone()).collect()
}

/// The reader finds exactly the passages that `alluvium search` finds; gives them, sorted.
#[track_caller]
fn check_same(world: &World, principals: &[&str]) -> Vec<(String, String, String)> {
    let read: BTreeSet<_> = read(world, principals, &[]).into_iter().collect();
    let hits = world.search("anything at all", principals);
    let found: BTreeSet<_> = hits.into_iter().map(|hit| (hit.doc_id, hit.chunk_id, hit.text)).collect();
    assert_eq!(read, found, "{principals:?}");
    read.into_iter().collect()
}

const STAFF: &[&str] = &["group:staff"];
const BOARD: &[&str] = &["group:board"];

fn company() -> World {
    let world = World::new();
    for name in ["leave", "travel", "mill", "ferry"] {
        world.write(&format!("{name}.md"), format!("# {name}\n\nThe {name} as it was in spring.\n"));
    }
    world.write("board/minutes.md", "The board approved the purchase of the mill.\n");
    world.acl("board/", BOARD, &[]);
    world.acl("travel.md", STAFF, &["user:mallory"]);
    world.write("one.md", "For one person only.\n");
    world.acl("one.md", &["user:o'neil"], &[]);
    world.backfilled(0);
    world
}

#[test]
fn the_python_reader_finds_what_search_finds_as_everybody() {
    let world = company();
    let staff = check_same(&world, STAFF);
    assert_eq!(documents(&staff), ids(&["leave.md", "travel.md", "mill.md", "ferry.md"]));
    assert_eq!(documents(&check_same(&world, BOARD)), ids(&["board/minutes.md"]));
    for principals in [
        &["group:staff", "group:board"][..],
        &["group:staff", "user:mallory"],
        &["user:o'neil"],
        &["x') OR true --"],
    ] {
        check_same(&world, principals);
    }
    let index = world.index();
    Run::of(&mut world.python_command(READER, &[index])).expect(2);

    let (_, ferry, text) = staff.iter().find(|(id, ..)| id == "docs/ferry.md").unwrap();
    let near = read(&world, STAFF, &["--near", ferry]);
    assert_eq!(near[0].2, *text, "nothing is nearer to a passage than itself");
    assert_eq!(documents(&near), documents(&staff));
    assert_eq!(read(&world, BOARD, &["--near", ferry]), [], "a forbidden passage is no passage");
}

#[test]
fn the_python_reader_reads_a_release_under_the_permissions_of_now() {
    let world = company();
    world.run(&["releases", "create", "pipeline.toml", "spring"]).expect(0);
    let release = ["--release", "spring"];
    let spring = read(&world, STAFF, &[]);
    assert_eq!(read(&world, STAFF, &release), spring);
    world.write("leave.md", "The leave of autumn.\n");
    world.acl("travel.md", BOARD, &[]);
    world.remove("mill.md");
    world.backfilled(0);
    world.run(&["erase", "pipeline.toml", "--doc", "docs/ferry.md"]).expect(0);
    check_same(&world, STAFF);
    check_same(&world, BOARD);
    let then = read(&world, STAFF, &release);
    assert_eq!(documents(&then), ids(&["leave.md"]), "moved, deleted and erased documents are not served");
    assert!(spring.contains(&then[0]), "the text of then");
    // The document lives again, its text from before the erasure does not.
    world.run(&["erase", "pipeline.toml", "--doc", "docs/ferry.md", "--undo"]).expect(0);
    world.backfilled(0);
    assert_eq!(documents(&check_same(&world, STAFF)), ids(&["leave.md", "ferry.md"]));
    assert_eq!(documents(&read(&world, STAFF, &release)), ids(&["leave.md"]));
}

/// The pages that people read, with their text.
fn pages() -> Vec<(PathBuf, String)> {
    let listed = fs::read_dir(repository().join("docs")).unwrap().map(|item| item.unwrap().path());
    let mut pages: Vec<PathBuf> =
        listed.filter(|path| path.extension().is_some_and(|ext| ext == "md")).collect();
    assert!(pages.len() >= 3, "{pages:?}");
    pages.extend(["README.md", "ARCHITECTURE.md"].map(|name| repository().join(name)));
    pages.sort();
    pages.into_iter().map(|page| (page.clone(), fs::read_to_string(page).unwrap())).collect()
}

#[test]
fn programs_are_quoted_as_they_are() {
    let page = fs::read_to_string(repository().join("docs/read-with-lancedb.md")).unwrap();
    let programs =
        [("python", "docs/examples/read_index.py"), ("rust", "crates/alluvium-index/examples/read_index.rs")];
    for (language, file) in programs {
        let text = fs::read_to_string(repository().join(file)).unwrap();
        let block = format!("```{language}\n{text}```\n");
        assert!(page.contains(&block), "docs/read-with-lancedb.md does not quote {file} as it is");
    }
}

/// A page's lines, each with whether it stands in a fenced block.
fn lines(page: &str) -> Vec<(bool, &str)> {
    let mut fenced = false;
    let mut lines = Vec::new();
    for line in page.lines() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        } else {
            lines.push((fenced, line));
        }
    }
    lines
}

/// The texts between single backticks.
fn code(line: &str) -> impl Iterator<Item = &str> {
    line.split('`').skip(1).step_by(2)
}

/// The words of a command line up to a comment, a pipe or a redirection.
fn words(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None);
    for c in line.chars() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (None, '"' | '\'') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None, '#' | '|' | '>' | '<' | '&' | ';') if word.is_none() => break,
            (None, ' ') => words.extend(word.take()),
            (_, c) => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words
}

/// The help of the command that some words begin with; a command must exist.
#[track_caller]
fn help(world: &World, words: &[String]) -> String {
    let groups = ["releases", "quarantine", "models"];
    let named = words.iter().take_while(|word| word.chars().all(|c| c.is_ascii_lowercase()));
    let most = if words.first().is_some_and(|word| groups.contains(&word.as_str())) { 2 } else { 1 };
    let mut args: Vec<&str> = named.take(most).map(String::as_str).collect();
    args.push("--help");
    world.run(&args).expect(0).stdout
}

fn flags(words: &[String]) -> impl Iterator<Item = &str> {
    words.iter().filter(|word| word.starts_with("--") && word.len() > 2).map(|word| word.as_str())
}

#[track_caller]
fn check_flags(world: &World, place: &str, words: &[String]) {
    let help = help(world, words);
    for flag in flags(words) {
        let listed = help.split_whitespace().any(|word| word.trim_end_matches([',', ']', '`']) == flag);
        assert!(listed, "{place}: {flag} is not in {help}");
    }
}

/// Where a command takes a pipeline file, it is run without one: then nothing but the file may be missing.
#[track_caller]
fn check_command(world: &World, place: &str, line: &str) {
    let words = words(line);
    check_flags(world, place, &words);
    if words.iter().any(|word| word.ends_with(".toml")) {
        let mut args: Vec<&str> = words.iter().map(String::as_str).collect();
        if !args.contains(&"--format") {
            args.extend(["--format", "json"]);
        }
        let run = world.run(&args).expect(2);
        assert!(run.stderr.contains("can't be read"), "{place}: {run}");
    }
}

#[test]
fn the_commands_of_the_documentation_are_commands() {
    let world = World::new();
    fs::remove_file(world.path("pipeline.toml")).unwrap();
    let mut seen = 0;
    for (page, text) in pages() {
        for (fenced, line) in lines(&text) {
            let place = format!("{}: {line}", page.display());
            if fenced {
                let line = line.trim();
                let command = line.strip_prefix("$ ").unwrap_or(line).strip_prefix("alluvium ");
                if let Some(command) = command {
                    check_command(&world, &place, command);
                    seen += 1;
                }
                continue;
            }
            for command in code(line).filter_map(|code| code.strip_prefix("alluvium ")) {
                check_flags(&world, &place, &words(command));
                seen += 1;
            }
        }
    }
    assert!(seen > 30, "only {seen} commands were seen");
}

/// The targets of a page's links to files and headings.
fn links(text: &str) -> Vec<&str> {
    let outside: Vec<&str> =
        lines(text).into_iter().filter(|(fenced, _)| !fenced).map(|(_, line)| line).collect();
    let targets = outside.into_iter().flat_map(|line| {
        line.split("](").skip(1).map(|rest| rest.split([')', ' ']).next().unwrap_or_default())
    });
    targets.filter(|target| !target.contains("://")).collect()
}

/// The name under which a heading can be linked to.
fn anchor(heading: &str) -> String {
    let kept = heading.trim_start_matches('#').trim().to_lowercase();
    let kept = kept.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.map(|c| if c == ' ' { '-' } else { c }).collect()
}

fn has_heading(file: &Path, fragment: &str) -> bool {
    let text = fs::read_to_string(file).unwrap();
    lines(&text)
        .into_iter()
        .any(|(fenced, line)| !fenced && line.starts_with('#') && anchor(line) == fragment)
}

#[test]
fn the_links_of_the_documentation_lead_somewhere() {
    let mut seen = 0;
    for (page, text) in pages() {
        for link in links(&text) {
            let (file, fragment) = link.split_once('#').unwrap_or((link, ""));
            let target = match file {
                "" => page.clone(),
                file => page.parent().unwrap().join(file),
            };
            assert!(target.exists(), "{}: {link} is not there", page.display());
            let anchored = fragment.is_empty() || has_heading(&target, fragment);
            assert!(anchored, "{}: {link} has no such heading", page.display());
            seen += 1;
        }
    }
    assert!(seen > 10, "only {seen} links were seen");
}
