//! Which requests are taken, and what becomes of them.

use std::path::Path;

use alluvium_core::id::PipelineName;
use tokio::sync::oneshot;

use super::*;

const FILES: &str = "[[source]]\nname = \"docs\"\ntype = \"filesystem\"\nroot = \"docs\"\n";
const STREAM: &str = "[[source]]\nname = \"stream\"\ntype = \"kafka\"\nbrokers = [\"127.0.0.1:9\"]\n\
    topics = [\"t\"]\ngroup = \"g\"\n";
const PIPE: &str = "[[source]]\nname = \"pipe\"\ntype = \"jsonl\"\npath = \"-\"\n";

fn spec(sources: &[&str]) -> PipelineSpec {
    let text = format!(
        "version = 1\nname = \"handbook\"\n[index]\nuri = \"index\"\n[model]\nname = \"potion-base-8M\"\n{}",
        sources.concat()
    );
    PipelineSpec::parse(&text, Path::new("pipeline.toml"), &|_| None).unwrap()
}

fn identity(spec: &PipelineSpec, role: Role) -> Identity<'_> {
    Identity { spec, role, fingerprint: Sha256::of("fingerprint"), config_hash: spec.config_hash() }
}

fn request(spec: &PipelineSpec, sources: &[&str]) -> BackfillRequest {
    BackfillRequest {
        pipeline: PipelineName::new("handbook").unwrap(),
        fingerprint: Sha256::of("fingerprint"),
        config_hash: spec.config_hash(),
        sources: sources.iter().map(|name| SourceName::new(*name).unwrap()).collect(),
        reprocess_all: false,
        allow_deletes: false,
    }
}

#[test]
fn a_daemon_of_another_kind_refuses() {
    let files = spec(&[FILES]);
    let asked = request(&files, &[]);
    let alone = identity(&files, Role::All);
    let code = |request: &BackfillRequest, identity: &Identity<'_>| {
        admit(request, identity).map_err(|failure| (failure.exit, failure.code.into_owned())).unwrap_err()
    };
    let other = BackfillRequest { pipeline: PipelineName::new("other").unwrap(), ..asked.clone() };
    assert_eq!(code(&other, &alone), (Exit::Usage, "other_pipeline".to_owned()));
    for other in [
        BackfillRequest { fingerprint: Sha256::of("another model"), ..asked.clone() },
        BackfillRequest { config_hash: Sha256::of("another folder"), ..asked.clone() },
    ] {
        assert_eq!(code(&other, &alone), (Exit::Usage, "other_settings".to_owned()));
    }
    assert_eq!(code(&request(&files, &["strange"]), &alone).1, "other_settings");
    let pipe = spec(&[FILES, PIPE]);
    let asked = request(&pipe, &["docs"]);
    assert_eq!(code(&asked, &identity(&pipe, Role::All)), (Exit::Failed, "not_replayable".to_owned()));
}

#[test]
fn what_preparers_read_is_left_out_or_refused() {
    let both = spec(&[FILES, STREAM]);
    let chosen = |names: &[&str], role| {
        let admitted = admit(&request(&both, names), &identity(&both, role));
        let admitted = admitted
            .map(|(chosen, note)| (chosen.sources.iter().map(ToString::to_string).collect::<Vec<_>>(), note));
        admitted.map_err(|failure| failure.code.into_owned())
    };
    let docs = || vec!["docs".to_owned()];
    assert_eq!(chosen(&[], Role::All), Ok((vec!["docs".to_owned(), "stream".to_owned()], None)));
    assert_eq!(chosen(&["docs"], Role::Commit), Ok((docs(), None)));
    let (sources, note) = chosen(&[], Role::Commit).unwrap();
    assert_eq!(sources, docs());
    assert_eq!(note.unwrap(), "left out, for preparers read it: stream");
    assert_eq!(chosen(&["stream"], Role::Commit), Err("read_by_preparers".to_owned()));
    let stream = spec(&[STREAM]);
    let none = admit(&request(&stream, &[]), &identity(&stream, Role::Commit)).unwrap_err();
    assert_eq!(none.code, "read_by_preparers", "there is nothing else");
}

/// Asks, and gives what was answered.
fn ask(
    delegated: &mut Delegated,
    identity: &Identity<'_>,
    request: BackfillRequest,
) -> Result<watch::Receiver<State>, Failure> {
    let (answer, mut taken) = oneshot::channel();
    delegated.take(Asked { request, answer }, identity);
    taken.try_recv().unwrap().map(|ticket| ticket.state)
}

fn ended(state: &watch::Receiver<State>) -> Option<Result<Done, String>> {
    match &*state.borrow() {
        State::Ended(ended) => Some(ended.clone().map_err(|failure| failure.code.into_owned())),
        State::Waiting | State::At(_) => None,
    }
}

#[test]
fn one_after_the_other_and_the_same_at_once() {
    let files = spec(&[FILES]);
    let identity = identity(&files, Role::All);
    let plain = || request(&files, &[]);
    let all = || BackfillRequest { reprocess_all: true, ..plain() };
    let mut delegated = Delegated::of(None);
    let first = ask(&mut delegated, &identity, plain()).unwrap();
    let same = ask(&mut delegated, &identity, request(&files, &["docs"])).unwrap();
    let other = ask(&mut delegated, &identity, all()).unwrap();
    assert!(!delegated.begin().unwrap().0.reprocess_all);
    // What has begun may have passed what this one is about.
    let later = ask(&mut delegated, &identity, plain()).unwrap();
    assert!(!delegated.is_next(), "one at a time");
    delegated.complete(Report { seen: 7, ..Report::default() }, None);
    for state in [&first, &same] {
        assert_eq!(ended(state).unwrap().unwrap().seen, 7);
    }
    assert!(ended(&other).is_none() && ended(&later).is_none() && delegated.is_next());
    assert!(delegated.begin().unwrap().0.reprocess_all);
    assert!(delegated.fail(&reads_stdin("any")));
    assert_eq!(ended(&other), Some(Err("not_replayable".to_owned())));
    delegated.refuse_all(&too_many());
    assert_eq!(ended(&later), Some(Err("daemon_busy".to_owned())));
    assert!(delegated.begin().is_none() && !delegated.fail(&too_many()));
}

#[test]
fn what_was_done_before_somebody_published_counts() {
    let files = spec(&[FILES]);
    let mut delegated = Delegated::of(None);
    let state = ask(&mut delegated, &identity(&files, Role::All), request(&files, &[])).unwrap();
    let (_, progress) = delegated.begin().unwrap();
    let counts = Counts { indexed: 2, quarantined: 1, unchanged: 5, ..Counts::default() };
    progress.update(&Snapshot { counts, ..Snapshot::default() });
    delegated.again();
    assert!(delegated.begin().is_some());
    let counts = Counts { indexed: 1, ..Counts::default() };
    delegated.complete(Report { unchanged: 8, counts, ..Report::default() }, None);
    let done = ended(&state).unwrap().unwrap();
    assert_eq!((done.counts.indexed, done.counts.quarantined, done.unchanged), (3, 1, 8));
    assert!(done.counts.unchanged == 0 && done.published);
}

#[test]
fn a_queue_has_an_end() {
    let names: Vec<String> = (0..=QUEUE).map(|n| format!("s{n}")).collect();
    let sources: Vec<String> = names.iter().map(|name| FILES.replace("docs", name)).collect();
    let many = spec(&sources.iter().map(String::as_str).collect::<Vec<_>>());
    let mut delegated = Delegated::of(None);
    let mut ask = |name: &str| ask(&mut delegated, &identity(&many, Role::All), request(&many, &[name]));
    for name in &names[..QUEUE] {
        ask(name).unwrap();
    }
    assert_eq!(ask(&names[QUEUE]).unwrap_err().code, "daemon_busy");
    assert!(ask(&names[0]).is_ok(), "the same takes no more room");
}
