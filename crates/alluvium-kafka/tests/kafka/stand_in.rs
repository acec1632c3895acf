//! A stand-in for a schema registry: a server that speaks the few questions that are asked of one. A real
//! registry is a Java program with a broker of its own, which these tests can't have.

use std::collections::{BTreeMap, HashMap};
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use apache_avro::Schema;
use apache_avro::types::Value;
use apache_avro::writer::datum::GenericDatumWriter;
use serde_json::json;

/// Status, media type (and further headers), body.
pub(crate) type Answer = (u16, &'static str, String);

pub(crate) const JSON: &str = "application/vnd.schemaregistry.v1+json";

#[derive(Default)]
struct State {
    schemas: HashMap<String, String>,
    instead: Option<Answer>,
    /// What was asked for, and how often.
    asked: BTreeMap<String, usize>,
    authorization: Option<String>,
}

/// It answers until the test's process ends.
pub(crate) struct StandIn {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
}

impl StandIn {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (address, state) = (listener.local_addr().unwrap(), Arc::<Mutex<State>>::default());
        let shared = Arc::clone(&state);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let shared = Arc::clone(&shared);
                // A connection that ends is one that the client has closed.
                std::thread::spawn(move || stream.map(|stream| answer(stream, &shared)));
            }
        });
        Self { address, state }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Has a schema under an id.
    pub(crate) fn has(&self, id: u32, kind: &str, schema: &str) {
        self.has_with(id, kind, schema, &[]);
    }

    /// The same with references, each of a name and a subject in its first version.
    pub(crate) fn has_with(&self, id: u32, kind: &str, schema: &str, references: &[(&str, &str)]) {
        self.put(format!("/schemas/ids/{id}"), kind, schema, references);
    }

    pub(crate) fn has_subject(&self, subject: &str, kind: &str, schema: &str, references: &[(&str, &str)]) {
        self.put(format!("/subjects/{subject}/versions/1"), kind, schema, references);
    }

    fn put(&self, path: String, kind: &str, schema: &str, references: &[(&str, &str)]) {
        let reference =
            |(name, subject): &(&str, &str)| json!({"name": name, "subject": subject, "version": 1});
        let references: Vec<_> = references.iter().map(reference).collect();
        let mut answer = json!({"schema": schema, "references": references});
        // Registries do not name what is the usual.
        if kind != "AVRO" {
            answer["schemaType"] = kind.into();
        }
        self.state.lock().unwrap().schemas.insert(path, answer.to_string());
    }

    /// Answers everything so, until it is told otherwise.
    pub(crate) fn answers(&self, instead: Option<Answer>) {
        self.state.lock().unwrap().instead = instead;
    }

    /// How often something was asked for.
    pub(crate) fn asked(&self, path: &str) -> usize {
        self.state.lock().unwrap().asked.get(path).copied().unwrap_or(0)
    }

    pub(crate) fn authorization(&self) -> Option<String> {
        self.state.lock().unwrap().authorization.clone()
    }
}

fn answer(mut stream: TcpStream, state: &Mutex<State>) -> std::io::Result<()> {
    let mut lines = BufReader::new(stream.try_clone()?).lines();
    let question = lines.next().transpose()?.unwrap_or_default();
    let path = question.split(' ').nth(1).unwrap_or_default();
    let path = path.strip_suffix("?deleted=true").unwrap_or(path).to_owned();
    let headers: Vec<String> = lines.map_while(Result::ok).take_while(|line| !line.is_empty()).collect();
    let (status, media_type, body) = {
        let mut state = state.lock().unwrap();
        let authorization = headers.iter().find_map(|line| line.strip_prefix("authorization: "));
        state.authorization = authorization.map(str::to_owned);
        *state.asked.entry(path.clone()).or_default() += 1;
        let known = state.schemas.get(&path).map(|schema| (200, JSON, schema.clone()));
        let unknown = || (404, JSON, r#"{"error_code":40403,"message":"Schema not found"}"#.to_owned());
        state.instead.clone().or(known).unwrap_or_else(unknown)
    };
    let length = body.len();
    write!(
        stream,
        "HTTP/1.1 {status} S\r\ncontent-type: {media_type}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
    )
}

/// A frame around bytes.
pub(crate) fn framed(id: u32, payload: &[u8]) -> Vec<u8> {
    [&[0], &id.to_be_bytes()[..], payload].concat()
}

/// What JSON says, as Avro.
pub(crate) fn avro(schema: &str, value: serde_json::Value) -> Vec<u8> {
    let schema = Schema::parse_str(schema).unwrap();
    let value = Value::try_from(value).unwrap().resolve(&schema).unwrap();
    datum(&schema, value)
}

pub(crate) fn datum(schema: &Schema, value: Value) -> Vec<u8> {
    GenericDatumWriter::builder(schema).build().unwrap().write_value_to_vec(value).unwrap()
}
