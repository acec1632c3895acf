//! Plain LanceDB follows the tag `live` while documents are rewritten: every read sees every document
//! whole, in one revision.

use std::fs;
use std::io::{BufRead, BufReader, Read};

use crate::harness::{Pipeline, Process, World, sentence};

const DOCUMENTS: u64 = 20;
const PARAGRAPHS: u64 = 8;
const REVISIONS: u64 = 5;

/// A document whose every paragraph says which of how many it is, and of which revision.
fn document(number: u64, revision: u64) -> String {
    let paragraph = |i: u64| {
        let words = sentence(revision * 10_000 + number * 100 + i);
        format!("Part{i}of{PARAGRAPHS}rev{revision}end. {words}\n\n")
    };
    (0..PARAGRAPHS).map(paragraph).collect()
}

fn write_all(world: &World, revision: u64) {
    for number in 0..DOCUMENTS {
        world.write(&format!("d{number}.txt"), document(number, revision));
    }
}

#[test]
fn a_reader_during_ingestion_never_sees_a_half_replaced_document() {
    // A document is several chunks, and a revision several commits.
    let more = "[commit]\nmax_documents = 7";
    let world = World::with(Pipeline { max_tokens: 48, overlap_tokens: 0, more, ..Pipeline::default() });
    write_all(&world, 0);
    world.backfilled(0);
    let stop = world.path("stop");
    let args = [world.index(), stop.clone(), DOCUMENTS.to_string().into()];
    let mut reader = Process::start(&mut world.python_command("follow.py", &args));
    let mut said = BufReader::new(reader.child().stdout.take().unwrap());
    let mut ready = String::new();
    said.read_line(&mut ready).unwrap();
    assert_eq!(ready, "ready\n");

    for revision in 1..=REVISIONS {
        write_all(&world, revision);
        world.backfilled(0);
    }
    fs::write(stop, "").unwrap();
    let mut report = String::new();
    said.read_to_string(&mut report).unwrap();
    let run = reader.end().expect(0);
    let report: serde_json::Value =
        serde_json::from_str(&report).unwrap_or_else(|e| panic!("{e}: {report} {run}"));
    eprintln!("{report}");
    assert_eq!(report["problems"], serde_json::json!([]), "{report}");
    assert!(report["reads"].as_u64().unwrap() > 20, "{report}");
    // More versions than revisions: it did read in the middle of them.
    assert!(report["versions"].as_u64().unwrap() > REVISIONS, "{report}");
    assert_eq!(report["last"], REVISIONS, "the reader saw the last revision: {report}");
}
