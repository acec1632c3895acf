//! `cargo xtask kafka-demo`: a broker, the demo corpus as change events, a daemon that follows them, and
//! searches that follow the daemon.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};

use crate::broker::{Broker, Running};
use crate::cargo::{output_of, run as run_command};
use crate::demo::{build, forget, show};
use crate::pause::pause;
use crate::setup::{self, Needs};
use crate::workspace::Workspace;

const PIPELINE: &str = "pipelines/kafka.toml";
const TOPIC: &str = "documents";
/// How long a change may take to be found before the demo gives up.
const DEADLINE: Duration = Duration::from_secs(120);
const LOOK: Duration = Duration::from_millis(200);

/// Sets up, builds, and shows how searches follow an edit, a deletion and a revocation.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    setup::run(workspace, Needs::Broker)?;
    build(workspace, &["--bins", "--examples"])?;
    let folder = tempfile::tempdir()?;
    let broker = Broker::start(workspace, folder.path())?;
    println!("\na broker answers at {}", broker.address);
    let demo = Demo { workspace, broker: &broker, folder: folder.path() };
    // It starts from nothing each time: its broker does, too.
    forget(&workspace.root.join(".demo").join("kafka-index"))?;
    let corpus = corpus(&workspace.root.join("pipelines").join("demo"))?;
    demo.send(&corpus)?;
    let daemon = demo.daemon()?;
    let shown = demo.show();
    drop(daemon);
    shown.with_context(|| format!("the daemon's log:\n{}", demo.log()))
}

struct Demo<'d> {
    workspace: &'d Workspace,
    broker: &'d Broker,
    folder: &'d Path,
}

impl Demo<'_> {
    fn show(&self) -> Result<()> {
        let travel = "business class flights and hotel limit";
        self.until("the corpus is there", travel, "group:staff", |ids| !ids.is_empty())?;
        self.search(travel, "group:staff")?;

        let text = "# Travel policy\n\nNobody flies business class. Hotels cost at most 90 euro a night.\n";
        self.change("an edit", &upsert("travel-policy.md", text, "text/markdown", &["group:staff"]))?;
        self.until("the edit", "hotels at most 90 euro a night", "group:staff", |ids| {
            ids.first().is_some_and(|id| id.ends_with("/travel-policy.md"))
        })?;
        self.search("hotels at most 90 euro a night", "group:staff")?;

        let readers = json!({ "readers": ["group:executives"] });
        self.change("a revocation", &event("acl", "travel-policy.md", json!({ "acl": readers })))?;
        self.until("the revocation", travel, "group:staff", |ids| {
            !ids.iter().any(|id| id.ends_with("/travel-policy.md"))
        })?;
        self.search(travel, "group:staff")?;
        self.search(travel, "group:executives")?;

        self.change("a deletion", &event("delete", "travel-policy.md", json!({})))?;
        self.until("the deletion", travel, "group:executives", |ids| {
            !ids.iter().any(|id| id.ends_with("/travel-policy.md"))
        })?;
        self.search(travel, "group:executives")
    }

    fn alluvium(&self, args: &[&str]) -> Command {
        let mut command = self.workspace.program(self.workspace.binary("alluvium"), args);
        command.env("KAFKA_BROKER", &self.broker.address);
        command
    }

    fn daemon(&self) -> Result<Running> {
        println!("\n$ alluvium run {PIPELINE} &");
        let mut command = self.alluvium(&["run", PIPELINE]);
        command.stdout(Stdio::null()).stderr(File::create(self.folder.join("daemon.log"))?);
        Ok(Running(command.spawn().context("cannot start alluvium")?))
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.join("daemon.log")).unwrap_or_default()
    }

    fn change(&self, what: &str, event: &Value) -> Result<()> {
        println!("\n--- {what}: {}", event.to_string().chars().take(100).collect::<String>());
        self.send(std::slice::from_ref(event))
    }

    fn send(&self, events: &[Value]) -> Result<()> {
        let program = self.workspace.binary("examples/produce");
        let mut command = self.workspace.program(program, &[&self.broker.address, TOPIC]);
        let mut child = command.stdin(Stdio::piped()).spawn().context("cannot start the producer")?;
        let mut input = child.stdin.take().context("the producer takes no input")?;
        for event in events {
            writeln!(input, "{event}")?;
        }
        drop(input);
        ensure!(child.wait()?.success(), "the producer failed");
        Ok(())
    }

    /// Waits until what somebody finds says so, and says how long it took.
    fn until(&self, what: &str, query: &str, who: &str, holds: impl Fn(&[String]) -> bool) -> Result<()> {
        let start = Instant::now();
        while !self.found(query, who).is_ok_and(|ids| holds(&ids)) {
            if start.elapsed() > DEADLINE {
                bail!("{what} did not reach the searches in {} s", DEADLINE.as_secs());
            }
            pause(LOOK);
        }
        println!("{what}: {:.1} s, looking included", start.elapsed().as_secs_f64());
        Ok(())
    }

    /// Whose passages somebody finds, best first.
    fn found(&self, query: &str, who: &str) -> Result<Vec<String>> {
        let output =
            output_of(&mut self.alluvium(&["search", PIPELINE, query, "--as", who, "--format", "json"]))?;
        let found: Value = serde_json::from_str(&output)?;
        let hits = found.pointer("/hits").and_then(Value::as_array).context("no hits")?;
        Ok(hits.iter().filter_map(|hit| hit.get("doc_id")?.as_str().map(str::to_owned)).collect())
    }

    fn search(&self, query: &str, who: &str) -> Result<()> {
        let args = ["search", PIPELINE, query, "--as", who, "--limit", "3"];
        show(&args);
        run_command(&mut self.alluvium(&args))
    }
}

/// The texts of the demo corpus as events, each for those whom its folder's access list names.
fn corpus(root: &Path) -> Result<Vec<Value>> {
    let mut events = Vec::new();
    add_folder(root, root, &["group:staff".to_owned()], &mut events)?;
    Ok(events)
}

fn add_folder(root: &Path, folder: &Path, above: &[String], events: &mut Vec<Value>) -> Result<()> {
    let readers = readers_of(&folder.join(".acl.toml"))?.unwrap_or_else(|| above.to_vec());
    let mut entries = fs::read_dir(folder)?.collect::<std::io::Result<Vec<_>>>()?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for path in entries.into_iter().map(|entry| entry.path()) {
        if path.is_dir() {
            add_folder(root, &path, &readers, events)?;
            continue;
        }
        let media_type = match path.extension().and_then(|extension| extension.to_str()) {
            Some("md") => "text/markdown",
            Some("html") => "text/html",
            Some("txt") => "text/plain",
            _ => continue,
        };
        let mut sidecar = path.clone().into_os_string();
        sidecar.push(".acl.toml");
        let own = readers_of(Path::new(&sidecar))?;
        let readers: Vec<&str> = own.as_ref().unwrap_or(&readers).iter().map(String::as_str).collect();
        let id = path.strip_prefix(root)?.to_string_lossy().into_owned();
        // Not all of them are UTF-8, and an event's text is.
        let text = String::from_utf8_lossy(&fs::read(&path)?).into_owned();
        events.push(upsert(&id, &text, media_type, &readers));
    }
    Ok(())
}

fn readers_of(sidecar: &Path) -> Result<Option<Vec<String>>> {
    let Ok(text) = fs::read_to_string(sidecar) else { return Ok(None) };
    let list: toml::Table = text.parse().with_context(|| sidecar.display().to_string())?;
    let readers = list.get("readers").and_then(toml::Value::as_array).context("no readers")?;
    Ok(Some(readers.iter().filter_map(|reader| reader.as_str().map(str::to_owned)).collect()))
}

fn upsert(id: &str, text: &str, media_type: &str, readers: &[&str]) -> Value {
    let more = json!({
        "content": { "text": text, "media_type": media_type }, "acl": { "readers": readers }, "title": id,
    });
    event("upsert", id, more)
}

/// Without a version: the place in the topic counts.
fn event(op: &str, id: &str, more: Value) -> Value {
    let mut event = json!({ "schema": "alluvium.document_change.v1", "op": op, "id": id });
    if let (Some(event), Value::Object(more)) = (event.as_object_mut(), more) {
        event.extend(more);
    }
    event
}
