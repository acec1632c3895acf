//! The demo corpus in the real model: whoever searches finds exactly what the sidecars permit.

use std::collections::BTreeSet;

use crate::harness::{Pipeline, World, copy, repository, template};

/// What the sidecars of `pipelines/demo` say, document by document: `(readers, denied, documents)`.
/// Written by hand, so that nothing of the program's own reading is in it.
pub(crate) const PERMITTED: [(&[&str], &[&str], &[&str]); 15] = [
    (
        &["group:staff"],
        &[],
        &[
            "handbook.md",
            "glossary.txt",
            "reorganisation-announcement.md",
            "travel-policy.md",
            "visitor information.html",
            "field/safety/river-work.pdf",
            "field/safety/snow-and-avalanche.html",
            "field/safety/lone-working.txt",
            "sales/customer-faq.html",
            "finance/expense-guide.html",
            "people/grievance-procedure.pdf",
            "people/parental-leave.html",
        ],
    ),
    (&["group:staff"], &["user:d.okafor.ext"], &["sales/price-list-2025.html"]),
    (
        &["group:field-crew", "group:engineering"],
        &[],
        &[
            "field/on-call-runbook.md",
            "field/orrn-4-installation.md",
            "field/battery-swap-notes.md",
            "field/depå-härnösand.md",
        ],
    ),
    (&["group:field-crew"], &[], &["field/werkstatt-graz.txt"]),
    (
        &["group:board"],
        &[],
        &[
            "board/risk-register.html",
            "board/minutes-2025-03.pdf",
            "board/minutes-2025-06.md",
            "board/acquisition-paper.txt",
        ],
    ),
    (&["group:sales"], &[], &["sales/tender-answers.md"]),
    (&["group:finance", "group:executives"], &["user:d.okafor.ext"], &["sales/discount-floors.md"]),
    (
        &["group:sales", "group:executives"],
        &[],
        &[
            "sales/customer-letters/norrdal-kraft-2025-03-03.txt",
            "sales/customer-letters/alpenwasser-verband-2025-04.pdf",
        ],
    ),
    (&["group:finance"], &[], &["finance/q3-forecast-note.txt"]),
    (&["group:finance", "group:executives"], &[], &["finance/executive-travel-exceptions.md"]),
    (
        &["group:engineering"],
        &[],
        &[
            "engineering/meeting-2025-05-14-siv-redesign.txt",
            "engineering/radar-drift-note.pdf",
            "engineering/firmware-release-process.html",
            "engineering/calibration-bench.md",
        ],
    ),
    (
        &["group:engineering", "group:field-crew", "user:mara.lindqvist"],
        &[],
        &["engineering/incident-2025-02-telemetry-gap.md"],
    ),
    (
        &["group:purchasing", "group:finance"],
        &[],
        &[
            "suppliers/nordcell-framework-contract.pdf",
            "suppliers/delivery-performance.md",
            "suppliers/kretsverket-quality-agreement.pdf",
        ],
    ),
    (&["group:people-team"], &[], &["people/exit-interview-summary.txt", "people/reorganisation-memo.md"]),
    (&["group:people-team", "group:finance"], &[], &["people/salary-bands.md"]),
];

/// Who searches.
pub(crate) const SEARCHERS: [&[&str]; 12] = [
    &["group:staff"],
    &["group:board"],
    &["group:people-team"],
    &["group:finance"],
    &["group:field-crew"],
    &["group:engineering"],
    &["group:purchasing"],
    &["group:sales"],
    &["group:executives"],
    &["user:mara.lindqvist"],
    &["group:staff", "user:d.okafor.ext"],
    &["group:sales", "group:finance", "group:executives", "user:d.okafor.ext"],
];

/// Principals that nobody is, each an attempt at more.
pub(crate) const NOBODY: [&str; 16] = [
    "GROUP:STAFF",
    "group:Staff",
    "*",
    "group:*",
    "group:%",
    "group:staf_",
    "group:staf",
    "staff",
    "group:staff,group:board",
    "group:staff' OR '1'='1",
    "x') OR true --",
    "'; DROP TABLE chunks; --",
    "group:staff\"",
    "['group:staff']",
    "group:staff\\",
    "group:ｓtaff",
];

pub(crate) fn permitted(principals: &[&str]) -> BTreeSet<String> {
    let any = |list: &[&str]| list.iter().any(|p| principals.contains(p));
    let rows = PERMITTED.iter().filter(|(readers, denied, _)| any(readers) && !any(denied));
    rows.flat_map(|(_, _, documents)| documents.iter().map(|name| format!("docs/{name}"))).collect()
}

/// The demo corpus in a folder of its own, in the index: a copy of what was embedded once.
pub(crate) fn demo() -> World {
    const CORPUS: &str = "pipelines/demo";
    let world = || {
        World::with(Pipeline {
            model: "all-MiniLM-L6-v2",
            max_tokens: 256,
            overlap_tokens: 32,
            ..Pipeline::default()
        })
    };
    let made = template("demo", CORPUS, |to| {
        let world = world();
        copy(&repository().join(CORPUS), &world.path("docs"));
        let result = world.backfilled(0);
        let documents = PERMITTED.iter().map(|(_, _, documents)| documents.len());
        assert_eq!(result["documents"]["indexed"], documents.sum::<usize>(), "{result}");
        assert_eq!(result["documents"]["skipped"], 1, "calibration-points.csv: {result}");
        copy(&world.index(), to);
    });
    let world = world();
    copy(&made, &world.index());
    world
}

#[test]
fn everybody_finds_exactly_what_is_permitted() {
    let world = demo();
    for principals in SEARCHERS {
        assert_eq!(world.documents_for(principals), permitted(principals), "{principals:?}");
    }
    let staff = world.documents_for(&["group:staff"]);
    assert!(staff.contains("docs/visitor information.html"), "a name with a space");
    let crew = world.documents_for(&["group:field-crew"]);
    assert!(crew.contains("docs/field/depå-härnösand.md"), "a name beyond ASCII");
    // What finds nothing together finds nothing alone; beside an honest principal it finds nothing more.
    assert_eq!(world.documents_for(&NOBODY), BTreeSet::new());
    assert_eq!(world.documents_for(&["user:d.okafor.ext"]), BTreeSet::new());
    let and_board = [&NOBODY[..], &["group:board"]].concat();
    assert_eq!(world.documents_for(&and_board), permitted(&["group:board"]));
    // Which is so because they are compared, not because the search gave up: one that is real counts.
    let and_denied = [&NOBODY[..], &["group:staff", "user:d.okafor.ext"]].concat();
    assert_eq!(world.documents_for(&and_denied), permitted(&["group:staff", "user:d.okafor.ext"]));
}

#[test]
fn a_search_as_nobody_is_a_usage_error() {
    let world = World::new();
    world.write("a.md", "# A\n\nWater.\n");
    world.backfilled(0);
    for principals in [&[][..], &[""], &["group:staff", ""], &[" "], &[" group:staff"], &["group:staff\n"]] {
        let run = world.search_run("water", principals).expect(2);
        assert_eq!(run.stdout, "", "{run}");
        let [code, ..] = run.error();
        assert_eq!(code, "usage", "{run}");
    }
}

#[test]
fn the_demo_ranks_what_it_shows_near_the_top() {
    let world = demo();
    let check = |query: &str, principals: &[&str], expected: &str, top: usize| {
        let hits = world.search(query, principals);
        let found: Vec<_> = hits.iter().take(top).map(|hit| (hit.doc_id.as_str(), hit.score)).collect();
        let expected = format!("docs/{expected}");
        assert!(found.iter().any(|(id, _)| *id == expected), "{query:?} as {principals:?}: {found:?}");
    };
    // A page of questions and answers that speaks of radar gauges comes first here, the prices second.
    let discount = "largest discount on the Orrn 4 radar gauge";
    check(discount, &["group:staff"], "sales/price-list-2025.html", 3);
    check(discount, &["group:staff", "group:finance"], "sales/discount-floors.md", 3);
    let closing = "reorganisation: will the Inverness calibration workshop close, how many positions";
    check(closing, &["group:staff"], "reorganisation-announcement.md", 1);
    check(closing, &["group:people-team"], "people/reorganisation-memo.md", 1);
    let flights = "business class flights and hotel limit";
    check(flights, &["group:staff"], "travel-policy.md", 1);
    check(flights, &["group:executives"], "finance/executive-travel-exceptions.md", 1);
}
