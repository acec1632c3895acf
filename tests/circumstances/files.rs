//! Bad files, beyond those of `hostile`: what has no pages, was cut off, bears the wrong name, is deep or
//! huge, or vanishes.

use std::collections::BTreeMap;
use std::fs;

use crate::harness::{Pipeline, Process, World, ids, paragraph, pdf, poll};

use super::{STAFF, check_whole};

/// Little time for a document, so that what bites is soon done.
const SMALL_LIMITS: &str = "[extract]\nwall = \"5s\"\ncpu = \"4s\"\nmemory = \"256MiB\"";

/// A cause of the quarantine, or `indexed`; several where each would be right.
type Fates = &'static [&'static str];

const INDEXED: Fates = &["indexed"];
const CORRUPT: Fates = &["corrupt"];
const NOT_TEXT: Fates = &["not_text"];
const NO_TEXT: Fates = &["empty", "corrupt", "image_only"];
const CUT: Fates = &["corrupt", "empty", "image_only", "indexed"];
const DEEP: Fates = &["corrupt", "timeout", "out_of_memory", "crashed", "indexed"];

/// Each bad file, and what may become of it.
fn bad() -> Vec<(String, Vec<u8>, Fates)> {
    let pages: Vec<Vec<String>> = (0..4).map(|i| vec![paragraph(900 + i)]).collect();
    let whole = pdf(&pages);
    let html = format!("<!DOCTYPE html><html><body><p>{}</p></body></html>", paragraph(910));
    let utf16: Vec<u8> = "\u{feff}The water is high.".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let png = [&b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"[..], &[0, 1, 2, 255, 254].repeat(300)].concat();
    let zip = [&b"PK\x03\x04\x14\0\0\0\x08\0"[..], &[200, 0, 17, 3, 255].repeat(300)].concat();
    let mut bad: Vec<(&str, Vec<u8>, Fates)> = vec![
        ("no-pages.pdf", pdf(&[]), NO_TEXT),
        ("text.pdf", paragraph(911).into(), CORRUPT),
        ("html.pdf", html.clone().into(), CORRUPT),
        ("pdf.txt", whole.clone(), INDEXED),
        ("pdf.html", whole.clone(), INDEXED),
        ("html.md", html.clone().into(), INDEXED),
        ("html.txt", html.into(), INDEXED),
        ("picture.txt", png.clone(), NOT_TEXT),
        ("picture.pdf", png, CORRUPT),
        ("archive.md", zip.clone(), NOT_TEXT),
        ("archive.pdf", zip, CORRUPT),
        ("utf16.txt", utf16, INDEXED),
        ("stray-byte.txt", b"The river is high.\xff\n".to_vec(), INDEXED),
        ("half-a-letter.md", b"# Caf\xc3".to_vec(), INDEXED),
        ("spans.html", ("<span>".repeat(200_000) + "deep down").into(), DEEP),
        ("lists.html", ("<ul><li>".repeat(100_000) + "deep down").into(), DEEP),
        ("tables.html", ("<table><tr><td>".repeat(50_000) + "deep down").into(), DEEP),
        ("bold.html", ("<b><p>".repeat(20_000) + "deep down").into(), DEEP),
        ("quotes.html", ("<blockquote>deep ".repeat(9_000)).into(), DEEP),
    ];
    let cuts =
        [("cut-1.pdf", 1), ("cut-2.pdf", 9), ("cut-3.pdf", whole.len() / 3), ("cut-4.pdf", whole.len() / 2)];
    let late =
        [("cut-5.pdf", whole.len() - 200), ("cut-6.pdf", whole.len() - 7), ("cut-7.pdf", whole.len() - 1)];
    bad.extend(cuts.into_iter().chain(late).map(|(name, at)| (name, whole[..at].to_vec(), CUT)));
    bad.into_iter().map(|(name, bytes, fates)| (format!("bad/{name}"), bytes, fates)).collect()
}

/// The extension's own kind of a good file.
fn good(name: &str, seed: u64) -> Vec<u8> {
    match name.rsplit_once('.').unwrap().1 {
        "pdf" => pdf(&[vec![paragraph(seed)]]),
        "html" => format!("<title>x</title><p>{}</p>", paragraph(seed)).into(),
        _ => paragraph(seed).into(),
    }
}

#[test]
fn each_bad_file_costs_itself_and_is_whole_once_mended() {
    let world = World::with(Pipeline { more: SMALL_LIMITS, ..Pipeline::default() });
    let bad = bad();
    for (name, bytes, _) in &bad {
        world.write(name, bytes);
    }
    let neighbours = ["0.md", "bad/m.txt", "zz.html"];
    for (name, seed) in neighbours.into_iter().zip(800..) {
        world.write(name, good(name, seed));
    }
    let first = world.backfilled(3);
    let refused: BTreeMap<_, _> = world.quarantine().into_iter().collect();
    let found = world.documents_for(STAFF);
    let fate = |id: &String| match (refused.get(id), found.contains(id)) {
        (Some(cause), false) => cause.clone(),
        (None, true) => "indexed".to_owned(),
        other => format!("{other:?}"),
    };
    let fates: Vec<_> = bad.iter().map(|(name, _, may)| (name, fate(&format!("docs/{name}")), may)).collect();
    eprintln!("{fates:#?}\n{first}");
    let wrong: Vec<_> = fates.iter().filter(|(_, fate, may)| !may.contains(&fate.as_str())).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(found.is_superset(&ids(&neighbours)), "{found:?}");
    assert_eq!(first["documents"]["seen"], bad.len() + neighbours.len(), "{first}");
    assert_eq!(first["documents"]["quarantined"], refused.len(), "{first}");

    for ((name, ..), seed) in bad.iter().zip(1000..) {
        world.write(name, good(name, seed));
    }
    world.backfilled(0);
    assert_eq!(world.quarantine(), [].into());
    assert_eq!(world.status()["documents"]["indexed"], bad.len() + neighbours.len());
    check_whole(&world);
}

/// The most memory, in bytes, that a backfill or a worker of it had at a time; and its exit code.
fn peak(world: &World) -> (u64, i64) {
    let command = world.command(&["backfill", "pipeline.toml"]);
    let line: Vec<_> = [command.get_program()].into_iter().chain(command.get_args()).collect();
    let mut python = world.python_command("peak.py", &line);
    let told = crate::harness::Run::of(python.env("ALLUVIUM_HOME", crate::harness::home())).expect(0).json();
    (told["peak"].as_u64().unwrap(), told["code"].as_i64().unwrap())
}

const HUGE: usize = 200 << 20;

#[test]
fn a_text_of_200_megabytes_is_refused_with_bounded_memory() {
    let world = World::new();
    world.write("a.md", "A good neighbour.\n");
    let (usual, code) = peak(&world);
    assert_eq!(code, 0);
    world.write("z.md", "Another one.\n");
    // More than a source takes by default.
    fs::File::create(world.doc("huge.txt")).unwrap().set_len(HUGE as u64).unwrap();
    let (peak_refused, code) = peak(&world);
    assert_eq!(code, 3);
    assert_eq!(world.quarantine(), [("docs/huge.txt".to_owned(), "too_large".to_owned())].into());
    assert_eq!(world.documents_for(STAFF), ids(&["a.md", "z.md"]));
    assert!(peak_refused < usual + (64 << 20), "{peak_refused} bytes, {usual} without the file");

    // Somebody takes that limit off.
    let text = Pipeline { more: SMALL_LIMITS, ..Pipeline::default() }.text();
    fs::write(world.path("pipeline.toml"), text + "max_file_size = \"256MiB\"\n").unwrap();
    let unit = paragraph(7) + "\n\n";
    world.write("huge.txt", unit.repeat(HUGE / unit.len()));
    world.write("z.md", "Another one, changed.\n");
    let (peak_read, code) = peak(&world);
    assert_eq!(code, 3);
    let causes: Vec<_> = world.quarantine().into_iter().map(|(_, cause)| cause).collect();
    assert!(["too_large", "out_of_memory", "timeout"].contains(&causes[0].as_str()), "{causes:?}");
    assert_eq!(world.documents_for(STAFF), ids(&["a.md", "z.md"]));
    assert!(peak_read < usual + 3 * HUGE as u64, "{peak_read} bytes, {usual} without the file");

    world.write("huge.txt", "Not so huge any more.\n");
    world.backfilled(0);
    assert_eq!(world.quarantine(), [].into());
    assert_eq!(world.documents_for(STAFF), ids(&["a.md", "huge.txt", "z.md"]));
}

/// More documents than a run holds at a time.
const MANY: u64 = 2_300;

#[test]
fn files_that_vanish_while_a_scan_is_at_them_are_gone_and_nothing_else() {
    let limits = "[commit]\nmax_documents = 100\ninterval = \"200ms\"\n[extract]\nworkers = 1\ncpu = \"8s\"\nwall = \"8s\"";
    let world = World::with(Pipeline { more: limits, ..Pipeline::default() });
    world.write("a.md", "The first.\n");
    world.write("z/known.txt", "Known before.\n");
    world.backfilled(0);
    world.write("z/known.txt", "Known before, and changed.\n");
    world.write("a.md", "The first, changed.\n");
    // Thousands of open elements, all of which the parser looks at for each of a million more.
    world.write("b-slow.html", "<div>".repeat(9_900) + &"<p>x</p>".repeat(1_000_000));
    for i in 0..MANY {
        world.write(&format!("m/{i}.txt"), format!("Note {i}.\n"));
    }
    world.write("z/new.txt", "Never seen.\n");
    world.write("z/stays.txt", "Stays.\n");
    let mut process = Process::start(&mut world.command(&["backfill", "pipeline.toml", "--format", "json"]));
    // What is published was listed, and all after the slow one waits for it.
    poll("publish", || {
        assert!(!process.is_over(), "the backfill must still run for this test");
        world.search("changed", STAFF).iter().any(|hit| hit.text.contains("changed")).then_some(())
    });
    world.remove("z/new.txt");
    world.remove("z/known.txt");
    let first = process.end().expect(3).json();
    assert_eq!(world.quarantine(), [("docs/b-slow.html".to_owned(), "timeout".to_owned())].into());
    let status = world.status();
    assert_eq!(status["documents"]["indexed"], MANY + 2, "{first}");
    assert_eq!(status["documents"]["deleted"], 1, "the one that was known: {first}");
    world.write("b-slow.html", "<p>Quick.</p>");
    assert_eq!(world.backfilled(0)["documents"]["indexed"], 1);
    assert_eq!(world.quarantine(), [].into());
    assert_eq!(world.backfilled(0)["published"], false);
}
