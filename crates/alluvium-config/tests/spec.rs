//! What a file means: defaults, units, paths.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

use std::path::Path;
use std::time::Duration;

use alluvium_config::{
    Durability, EventFormat, FilesystemSettings, JsonlInput, OffsetLost, PdfEngine, PipelineSpec,
    SaslMechanism, SourceKind,
};

const SMALLEST: &str = r#"
version = 1
name = "handbook"
index.uri = "../index"
model.name = "gte-small"
[[source]]
name = "docs"
type = "filesystem"
root = "docs"
"#;

fn parse(text: &str) -> PipelineSpec {
    PipelineSpec::parse(text, Path::new("/etc/alluvium/p.toml"), &|_| None).unwrap()
}

fn filesystem(kind: &SourceKind) -> &FilesystemSettings {
    let SourceKind::Filesystem(settings) = kind else { panic!("{kind:?}") };
    settings
}

#[test]
fn defaults() {
    let spec = parse(SMALLEST);
    assert_eq!(spec.name.as_str(), "handbook");
    assert_eq!(*spec.index.path, Path::new("/etc/alluvium/../index"));
    assert_eq!((spec.index.keep_for, spec.index.keep_last), (Duration::from_secs(7 * 86_400), 100));
    assert_eq!(spec.index.durability, Durability::Power);
    assert_eq!((spec.chunk.max_tokens, spec.chunk.overlap_tokens), (256, 32));
    assert_eq!(spec.extract.memory, 1 << 30);
    assert_eq!((spec.extract.cpu, spec.extract.wall), (Duration::from_secs(20), Duration::from_secs(30)));
    assert_eq!(spec.extract.pdf_engines, [PdfEngine::Pdfboss, PdfEngine::PdfExtract]);
    assert_eq!((spec.extract.workers, spec.embed.sessions), (None, None));
    assert_eq!((spec.commit.interval, spec.commit.max_documents), (Duration::from_secs(1), 4_096));
    assert_eq!(spec.commit.max_bytes, 64 << 20);
    let docs = filesystem(&spec.source("docs").unwrap().kind);
    assert_eq!(*docs.root, Path::new("/etc/alluvium/docs"));
    assert_eq!(docs.include.iter().map(|g| g.as_str()).collect::<Vec<_>>(), ["**/*"]);
    assert!(docs.exclude.is_empty() && docs.default_acl.is_none());
    assert_eq!((docs.max_file_size, docs.metadata.len()), (64 << 20, 0));
    assert_eq!(
        (spec.run.reconcile_interval, spec.run.settle),
        (Duration::from_secs(300), Duration::from_millis(300))
    );
    assert_eq!(spec.run.drain_timeout, Duration::from_secs(30));
}

#[test]
fn lines_of_events() {
    let with = |keys: &str| {
        let spec = parse(&format!("{SMALLEST}[[source]]\nname = \"e\"\ntype = \"jsonl\"\n{keys}"));
        let SourceKind::Jsonl(events) = &spec.source("e").unwrap().kind else { panic!() };
        events.clone()
    };
    let events = with("path = \"e.jsonl\"");
    assert_eq!(*events.path, JsonlInput::File("/etc/alluvium/e.jsonl".into()));
    assert!(events.default_acl.is_none() && events.content_roots.is_empty());
    assert_eq!(events.max_event_size, 64 << 20);
    let events = with("path = \"-\"\ncontent_roots = [\"a\", \"/b\"]");
    assert_eq!(*events.path, JsonlInput::Stdin);
    let roots: Vec<_> = events.content_roots.iter().map(|root| root.expose().as_path()).collect();
    assert_eq!(roots, [Path::new("/etc/alluvium/a"), Path::new("/b")]);
}

#[test]
fn buckets_of_contents() {
    let source = "name = \"e\"\ntype = \"jsonl\"\npath = \"-\"";
    let of = |keys: &str| {
        let table = format!("[[source.content_bucket]]\nbucket = \"b\"\n{keys}");
        let spec = parse(&format!("{SMALLEST}[[source]]\n{source}\n{table}"));
        let SourceKind::Jsonl(events) = &spec.source("e").unwrap().kind else { panic!() };
        events.content_buckets[0].clone()
    };
    let open = of("");
    assert!(open.prefix.is_none() && open.endpoint.is_none() && open.access_key.is_none());
    for (written, endpoint) in [
        ("https://store.example.org/", "https://store.example.org"),
        ("http://127.0.0.1:9000", "http://127.0.0.1:9000"),
        ("http://[::1]:9000", "http://[::1]:9000"),
        ("http://localhost", "http://localhost"),
        ("https://[fe80::1]", "https://[fe80::1]"),
    ] {
        assert_eq!(of(&format!("endpoint = {written:?}")).endpoint.unwrap().as_str(), endpoint);
    }
    let keys = "prefix = \"a/b/\"\naccess_key_id = \"me\"\nsecret_access_key = \"${S:-hunter2}\"";
    let signed = of(keys);
    assert_eq!(signed.prefix.as_ref().unwrap().as_str(), "a/b");
    let key = signed.access_key.as_ref().unwrap();
    assert_eq!((key.id.as_str(), key.secret.as_str()), ("me", "hunter2"));
    let shown = format!("{signed:?}{}", serde_json::to_string(&signed).unwrap());
    assert!(!shown.contains("\"hunter2\"") && shown.contains("${S:-hunter2}"), "{shown}");
}

#[test]
fn topics_of_events() {
    let kafka = "name = \"e\"\ntype = \"kafka\"\nbrokers = [\"b:9092\"]\ntopics = [\"t\"]\ngroup = \"g\"";
    let spec = parse(&format!("{SMALLEST}[[source]]\n{kafka}"));
    let SourceKind::Kafka(events) = &spec.source("e").unwrap().kind else { panic!() };
    assert_eq!((&events.format, events.offset_lost), (&EventFormat::DocumentChange, OffsetLost::Stop));
    assert_eq!((events.max_event_size, events.connection.properties.len()), (16 << 20, 0));
    let spec =
        parse(&format!("{SMALLEST}[[source]]\n{kafka}\nproperties = {{ \"socket.timeout.ms\" = \"9\" }}"));
    let SourceKind::Kafka(events) = &spec.source("e").unwrap().kind else { panic!() };
    let properties: Vec<_> =
        events.connection.properties.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
    assert_eq!(properties, [("socket.timeout.ms", "9")]);
}

#[test]
fn brokers_that_must_be_trusted() {
    let kafka = "name = \"e\"\ntype = \"kafka\"\nbrokers = [\"b:9092\"]\ntopics = [\"t\"]\ngroup = \"g\"";
    let of = |keys: &str| {
        let spec = parse(&format!("{SMALLEST}[[source]]\n{kafka}\n{keys}"));
        let SourceKind::Kafka(events) = &spec.source("e").unwrap().kind else { panic!() };
        events.clone()
    };
    let system = of("tls = {}").connection.tls.unwrap();
    assert!(system.ca.is_none() && system.identity.is_none());
    let tls =
        of("tls = { ca = \"ca.pem\", certificate = \"/c.pem\", key = \"k.pem\" }").connection.tls.unwrap();
    let identity = tls.identity.unwrap();
    assert_eq!(**tls.ca.as_ref().unwrap(), Path::new("/etc/alluvium/ca.pem"));
    assert_eq!(**identity.certificate, *Path::new("/c.pem"));
    assert_eq!(**identity.key, *Path::new("/etc/alluvium/k.pem"));
    let sasl =
        of("sasl = { mechanism = \"scram-sha-256\", username = \"me\", password = \"${S:-hunter2}\" }");
    let sasl = sasl.connection.sasl.unwrap();
    assert_eq!((sasl.mechanism, sasl.username.as_str()), (SaslMechanism::ScramSha256, "me"));
    assert_eq!((sasl.password.as_str(), sasl.password.written()), ("hunter2", "${S:-hunter2}"));
}

#[test]
fn registries_of_schemas() {
    let kafka = "name = \"e\"\ntype = \"kafka\"\nbrokers = [\"b:9092\"]\ntopics = [\"t\"]\ngroup = \"g\"";
    let of = |keys: &str| {
        let spec = parse(&format!("{SMALLEST}[[source]]\n{kafka}\nschema_registry = {{ {keys} }}"));
        let SourceKind::Kafka(events) = &spec.source("e").unwrap().kind else { panic!() };
        events.schema_registry.clone().unwrap()
    };
    let least = of("urls = [\"http://r:8081/a/b\"]");
    assert!(least.credentials.is_none() && least.ca.is_none() && !least.keys);
    let secured = "username = \"me\", password = \"${S:-hunter2}\", ca = \"ca.pem\", keys = true";
    let most = of(&format!("urls = [\"https://r\", \"http://localhost:1\", \"http://[::1]/\"], {secured}"));
    assert_eq!((most.urls.len(), most.keys), (3, true));
    assert_eq!(**most.ca.as_ref().unwrap(), Path::new("/etc/alluvium/ca.pem"));
    let printed = format!("{most:?} {}", serde_json::to_string(&most).unwrap());
    assert!(!printed.contains("hunter2\"") && printed.contains("${S:-hunter2}"), "{printed}");
    assert_eq!(most.credentials.unwrap().password.as_str(), "hunter2");
}

#[test]
fn metadata_is_sorted_pairs() {
    let spec = parse(&format!("{SMALLEST}metadata = {{ team = \"people\", area = \"x=y\" }}"));
    let pairs: Vec<_> = filesystem(&spec.sources[0].kind).metadata.iter().map(|pair| pair.as_str()).collect();
    assert_eq!(pairs, ["area=x=y", "team=people"]);
    let one = parse(SMALLEST);
    assert_ne!(one.config_hash(), spec.config_hash());
}

#[test]
fn a_small_chunk_has_a_small_overlap() {
    let spec = parse(&format!("chunk.max_tokens = 20\n{SMALLEST}"));
    assert_eq!((spec.chunk.max_tokens, spec.chunk.overlap_tokens), (20, 2));
}

#[test]
fn access_lists_are_canonical() {
    let acl = "default_acl = { readers = [\"b\", \"a\", \"b\"], tenant = \"t\" }";
    let spec = parse(&format!("{SMALLEST}{acl}"));
    let docs = filesystem(&spec.sources[0].kind);
    let acl = docs.default_acl.as_ref().unwrap().expose();
    assert_eq!((acl.readers.as_slice(), acl.denied.len()), (["a".to_owned(), "b".to_owned()].as_slice(), 0));
    assert_eq!(acl.tenant.as_deref(), Some("t"));
}

#[test]
fn variables_are_put_in_after_parsing() {
    let env = |name: &str| (name == "ROOT").then(|| "x\"\nname = \"injected".to_owned());
    let text = SMALLEST.replace("\"docs\"\n\n", "").replace("root = \"docs\"", "root = \"/r/${ROOT}/$$\"");
    let spec = PipelineSpec::parse(&text, Path::new("p.toml"), &env).unwrap();
    assert_eq!(spec.sources[0].name.as_str(), "docs");
    let docs = filesystem(&spec.sources[0].kind);
    assert_eq!(*docs.root, Path::new("/r/x\"\nname = \"injected/$"));
}

#[test]
fn the_hash_is_of_settings_not_of_formatting() {
    let one = parse(SMALLEST);
    let two = parse(
        &SMALLEST
            .replace("root = \"docs\"", "root   = 'docs' # where they are\nmax_file_size = \"65536KiB\""),
    );
    assert_eq!(one.config_hash(), two.config_hash());
    let elsewhere = PipelineSpec::parse(SMALLEST, Path::new("q.toml"), &|_| None).unwrap();
    assert_eq!(one.config_hash(), elsewhere.config_hash());
    let three = parse(&SMALLEST.replace("root = \"docs\"", "root = \"other\""));
    assert_ne!(one.config_hash(), three.config_hash());
}

#[test]
fn a_byte_order_mark_and_windows_line_ends_are_fine() {
    let text = format!("\u{feff}{}", SMALLEST.replace('\n', "\r\n"));
    assert_eq!(parse(&text).config_hash(), parse(SMALLEST).config_hash());
}

#[test]
fn the_types_of_events_have_meanings() {
    let parsed = |more: &str| {
        let kafka = "name = \"e\"\ntype = \"kafka\"\nbrokers = [\"b:9092\"]\ntopics = [\"t\"]\ngroup = \"g\"";
        let spec = parse(&format!("{SMALLEST}[[source]]\n{kafka}\n{more}\n"));
        let SourceKind::Kafka(settings) = &spec.source("e").unwrap().kind else { panic!() };
        settings.format.clone()
    };
    let EventFormat::CloudEvents(types) =
        parsed("format = \"cloudevents\"\ncloudevents = { upsert = [\"a\", \"b\"] }")
    else {
        panic!()
    };
    let upsert: Vec<_> = types.upsert.iter().map(|one| one.expose().as_str()).collect();
    assert_eq!((upsert, types.delete.len()), (vec!["a", "b"], 0));
    assert!(
        matches!(parsed("format = \"cloudevents\""), EventFormat::CloudEvents(types) if types.upsert.is_empty())
    );
    assert_eq!(parsed("format = \"bucket_notifications\""), EventFormat::BucketNotifications);
}

#[test]
fn captured_rows_have_columns() {
    let kafka = "name = \"e\"\ntype = \"kafka\"\nbrokers = [\"b:9092\"]\ntopics = [\"t\"]\ngroup = \"g\"";
    let parsed = |more: &str| {
        let text = format!("{SMALLEST}[[source]]\n{kafka}\n{more}\n");
        PipelineSpec::parse(&text, Path::new("/etc/alluvium/p.toml"), &|_| None)
    };
    let spec =
        parsed("format = \"debezium\"\ncolumns = { id = \"id\", text = \"body\", metadata = [\"team\"] }")
            .unwrap();
    let SourceKind::Kafka(pages) = &spec.source("e").unwrap().kind else { panic!() };
    let EventFormat::Debezium(columns) = &pages.format else { panic!() };
    assert_eq!((columns.id.expose().as_str(), columns.media_type.as_str()), ("id", "text/plain"));
    assert_eq!(columns.metadata.len(), 1);
    for (more, expected) in [
        ("format = \"debezium\"", "a table that says what the columns are"),
        ("format = \"debezium\"\ncolumns = { id = \"id\" }", "columns.text"),
        ("columns = { id = \"id\", text = \"t\" }", "no columns, or format"),
        ("format = \"debezium\"\ncolumns = { id = \"id\", text = \"t\", acl = \"x\" }", "acl"),
        (
            "format = \"debezium\"\ncolumns = { id = \"id\", text = \"t\", media_type = \"application/pdf\" }",
            "text/plain",
        ),
        (
            "format = \"debezium\"\ncolumns = { id = \"id\", text = \"t\", metadata = [\"a=b\"] }",
            "equals sign",
        ),
    ] {
        let error = parsed(more).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
}
