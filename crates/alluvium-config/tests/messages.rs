//! The words of errors, and that none of them holds the content of a variable.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

use std::path::Path;

use alluvium_config::{ConfigError, PipelineSpec};

const FILE: &str = r#"version = 1
name = "handbook"

[index]
uri = "index"

[model]
name = "all-MiniLM-L6-v2"

[chunk]
max_tokens = 256
overlap_tokens = 32

[[source]]
name = "docs"
type = "filesystem"
root = "docs"
include = ["**/*"]
default_acl = { readers = ["group:staff"], denied = [] }

[[source]]
name = "more"
type = "filesystem"
root = "more"
"#;

const SECRET: &str = "hunter2-[\n";

fn env(name: &str) -> Option<String> {
    match name {
        "SECRET" => Some(SECRET.to_owned()),
        "URI" => Some("s3://hunter2/x".to_owned()),
        "TEAM" => Some("group:hunter2".to_owned()),
        _ => None,
    }
}

fn parse(text: &str) -> Result<PipelineSpec, ConfigError> {
    PipelineSpec::parse(text, Path::new("pipelines/p.toml"), &env)
}

/// The message after `from` was replaced with `to`.
fn message(from: &str, to: &str) -> String {
    let text = FILE.replacen(from, to, 1);
    assert_ne!(text, FILE, "{from:?} is not in the file");
    let error = parse(&text).expect_err("the file should be refused").to_string();
    assert!(!error.contains("hunter2"), "{error}");
    error.strip_prefix("pipelines/p.toml:").unwrap().to_owned()
}

#[test]
fn keys() {
    assert_eq!(
        message("include", "inclde"),
        "18:1: source[0].inclde: unknown key; expected one of name, type, root, include, exclude, \
         hidden, gitignore, default_acl, max_file_size, metadata, on_unreadable; did you mean \"include\"?"
    );
    assert_eq!(
        message("denied", "dennied"),
        "19:44: source[0].default_acl.dennied: unknown key; expected one of readers, denied, tenant, \
         classification; did you mean \"denied\"?"
    );
    assert_eq!(
        message("[chunk]", "[chunks]"),
        "10:2: chunks: unknown key; expected one of version, name, index, model, chunk, extract, embed, \
         commit, run, prepared, source; did you mean \"chunk\"?"
    );
    assert_eq!(
        message("uri = \"index\"", "\"a key\" = 1"),
        "5:1: index.\"a key\": unknown key; expected one of uri, keep_for, keep_last, durability"
    );
    assert_eq!(
        message("uri = \"index\"", ""),
        "4:2: index.uri: missing; expected a local path or a file:// URI"
    );
    assert_eq!(message("version = 1", ""), "1:1: version: missing; expected version = 1");
    assert_eq!(
        message("[[source]]\nname = \"more\"", "[[source]]"),
        "21:1: source[1].name: missing; expected a name that no other source has, of letters, digits, '-', \
         '_' and '.'"
    );
}

#[test]
fn types_and_ranges() {
    assert_eq!(
        message("= 256", "= \"256\""),
        "11:1: chunk.max_tokens: expected a whole number from 1 to 1000000, found the string \"256\""
    );
    assert_eq!(
        message("= 256", "= -1"),
        "11:1: chunk.max_tokens: expected a whole number from 1 to 1000000, found the number -1"
    );
    assert_eq!(
        message("= 256", "= 0x20"),
        "12:1: chunk.overlap_tokens: expected less than chunk.max_tokens, which is 32, found the number 32"
    );
    assert_eq!(
        message("[\"**/*\"]", "\"**/*\""),
        "18:1: source[0].include: expected a list of strings, found the string \"**/*\""
    );
    assert_eq!(
        message("[\"**/*\"]", "[\"a\", 3]"),
        "18:17: source[0].include[1]: expected a glob such as \"**/*.md\", found the number 3"
    );
    assert_eq!(
        message("[\"**/*\"]", "[\n  \"a\",\n  \"[x\"\n]"),
        "20:3: source[0].include[1]: expected a glob such as \"**/*.md\", found \"[x\" (unclosed character \
         class; missing ']')"
    );
    assert_eq!(message("= 1\n", "= 2\n"), "1:1: version: expected the number 1, found the number 2");
    assert_eq!(
        message("[model]\nname = \"all-MiniLM-L6-v2\"", "[model]\nname = 3"),
        "8:1: model.name: expected a model of the registry, such as \"all-MiniLM-L6-v2\", found the number 3"
    );
}

#[test]
fn units() {
    assert_eq!(
        message("uri = \"index\"", "uri = \"index\"\nkeep_for = \"7 days\""),
        "6:1: index.keep_for: expected a duration with its unit (ms, s, m, h, d, w), such as \"30s\", found \
         \"7 days\" (has the unknown unit \" days\")"
    );
    assert_eq!(
        message("uri = \"index\"", "uri = \"index\"\nkeep_for = 7"),
        "6:1: index.keep_for: expected a duration with its unit (ms, s, m, h, d, w), such as \"30s\", found \
         the number 7"
    );
    assert_eq!(
        message("root = \"docs\"", "root = \"docs\"\nmax_file_size = \"64\""),
        "18:1: source[0].max_file_size: expected a size with its unit (B, KiB, MiB, GiB, TiB), such as \
         \"64MiB\", found \"64\" (has no unit)"
    );
}

#[test]
fn sources() {
    assert_eq!(
        message("\"more\"", "\"docs\""),
        "22:1: source[1].name: expected a name that no other source has, of letters, digits, '-', '_' and \
         '.', found \"docs\", the name of source[0]"
    );
    assert_eq!(
        message("type = \"filesystem\"", "type = \"pulsar\"\nbrokers = []"),
        "16:1: source[0].type: expected a supported type of source: \"filesystem\", \"jsonl\" or \"kafka\", found \"pulsar\""
    );
    assert_eq!(
        message("type = \"filesystem\"", "type = \"file-system\""),
        "16:1: source[0].type: expected a supported type of source: \"filesystem\", \"jsonl\" or \"kafka\", found \"file-system\"; \
         did you mean \"filesystem\"?"
    );
    assert_eq!(
        message("\"docs\"", "\"a/b\""),
        "15:1: source[0].name: expected a name that no other source has, of letters, digits, '-', '_' and \
         '.', found \"a/b\" (holds '/'; allowed are letters, digits, '-', '_' and '.')"
    );
    assert_eq!(
        message("[\"group:staff\"]", "[\"group:staff\", \" x\"]"),
        "19:43: source[0].default_acl.readers[1]: expected a principal such as \"group:staff\", found \" x\" \
         (the principal \" x\" has white space at an end or a control character)"
    );
    let none = FILE.split("[[source]]").next().unwrap();
    assert!(parse(none).unwrap_err().to_string().contains("source: missing; expected [[source]]"));
}

#[test]
fn lines_of_events() {
    let jsonl =
        |keys: &str| message("type = \"filesystem\"\nroot = \"more\"", &format!("type = \"jsonl\"\n{keys}"));
    assert_eq!(
        jsonl(""),
        "21:1: source[1].path: missing; expected a file of change events, or \"-\" for standard input"
    );
    assert_eq!(
        jsonl("path = \"s3://b/k\""),
        "24:1: source[1].path: expected a file of change events, or \"-\" for standard input, found \
         \"s3://b/k\" (is not a local path)"
    );
    assert_eq!(
        jsonl("root = \"x\""),
        "24:1: source[1].root: unknown key; expected one of name, type, path, default_acl, content_roots, \
         content_bucket, max_event_size, on_unreadable"
    );
    assert_eq!(
        jsonl("path = \"-\"\n[[source]]\nname = \"third\"\ntype = \"jsonl\"\npath = \"-\""),
        "28:1: source[2].path: expected a file of change events; only one source can read standard input, \
         found \"-\", which source[1] reads already"
    );
}

#[test]
fn topics_of_events() {
    let kafka = |keys: &str| {
        let source =
            format!("type = \"kafka\"\nbrokers = [\"b:9092\"]\ntopics = [\"t\"]\ngroup = \"g\"\n{keys}");
        message("type = \"filesystem\"\nroot = \"more\"", &source)
    };
    assert_eq!(
        kafka("topic = \"x\""),
        "27:1: source[1].topic: unknown key; expected one of name, type, brokers, topics, group, format, \
         columns, cloudevents, default_acl, content_roots, content_bucket, max_event_size, offset_lost, \
         dead_letter_topic, schema_registry, tls, sasl, properties, on_unreadable; \
         did you mean \"topics\"?"
    );
    assert_eq!(
        kafka("offset_lost = \"latest\""),
        "27:1: source[1].offset_lost: expected \"stop\" or \"earliest\", found \"latest\""
    );
    assert_eq!(
        kafka("dead_letter_topic = \"t\""),
        "27:1: source[1].dead_letter_topic: expected a topic that this source does not read, found \"t\""
    );
    assert_eq!(
        kafka("cloudevents = { upsert = [\"a\"] }"),
        "27:1: source[1].cloudevents: expected no cloudevents, or format = \"cloudevents\", found cloudevents \
         of a format that has none"
    );
    let events = |table: &str| kafka(&format!("format = \"cloudevents\"\n[source.cloudevents]\n{table}"));
    let of_type =
        "expected a type of events that has no other meaning yet, such as \"com.example.page.saved\"";
    for (table, message) in [
        ("updates = []", "29:1: source[1].cloudevents.updates: unknown key; expected one of upsert, delete"),
        (
            "upsert = [\"a\"]\ndelete = [\"b\", \"a\"]",
            &format!("30:1: source[1].cloudevents.delete: {of_type}, found \"a\" twice"),
        ),
        (
            "delete = [\"\"]",
            &format!("29:11: source[1].cloudevents.delete[0]: {of_type}, found \"\" (is empty)"),
        ),
        (
            "upsert = [\"alluvium.document_change.v1\"]",
            &format!(
                "29:11: source[1].cloudevents.upsert[0]: {of_type}, found \"alluvium.document_change.v1\" (is \
                 the native change event, which needs no mention)"
            ),
        ),
    ] {
        assert_eq!(events(table), message);
    }
    let refused = kafka("properties = { \"plugin.library.paths\" = \"${SECRET}\" }");
    let start = "27:16: source[1].properties.\"plugin.library.paths\": expected one of the properties that may \
                 be set: broker.address.family, ";
    assert!(refused.starts_with(start), "{refused}");
    assert!(refused.ends_with(", found \"plugin.library.paths\""), "{refused}");
    let near = kafka("properties = { \"session.timeout\" = \"6000\" }");
    assert!(near.ends_with("found \"session.timeout\"; did you mean \"session.timeout.ms\"?"), "{near}");
    assert_eq!(
        kafka("[source.tls]\ncertificate = \"me.pem\""),
        "27:9: source[1].tls.key: missing; expected a file with the key of our certificate (PEM)"
    );
    assert_eq!(
        kafka("sasl = { mechanism = \"plain\", username = \"me\", password = \"${SECRET}\" }"),
        "27:10: source[1].sasl.mechanism: expected another mechanism, or [source.tls], without which this one \
         sends the password openly, found \"plain\""
    );
    assert_eq!(
        kafka("sasl = { mechanism = \"scram-sha-512\", username = \"me\", password = \"hunter2\" }"),
        "27:56: source[1].sasl.password: expected an environment variable that holds the secret, such as \
         \"${KAFKA_PASSWORD}\", found a secret in the file"
    );
    let registry = |keys: &str| kafka(&format!("[source.schema_registry]\n{keys}"));
    assert_eq!(
        registry("url = \"https://r\""),
        "28:1: source[1].schema_registry.url: unknown key; expected one of urls, username, password, ca, keys; \
         did you mean \"urls\"?"
    );
    assert_eq!(
        registry("urls = [\"r:8081\"]"),
        "28:9: source[1].schema_registry.urls[0]: expected the URL of a schema registry such as \
         \"https://registry.example.org:8081\", found \"r:8081\" (must read https://host:port)"
    );
    assert_eq!(
        registry("urls = [\"https://me:hunter2@r\"]"),
        "28:1: source[1].schema_registry.urls: expected URLs without a name and a password, which have keys \
         of their own, found one with an \"@\""
    );
    let private = "urls = [\"http://127.0.0.1:1\", \"https://r\"]";
    let credentials = "username = \"me\"\npassword = \"${SECRET}\"";
    assert_eq!(
        registry(&format!("{}\n{credentials}", private.replace("https", "http"))),
        "30:1: source[1].schema_registry.password: expected no password, or urls with https://, without \
         which it is sent openly, found \"http://r\""
    );
    assert_eq!(
        registry(&format!("{private}\nusername = \"me\"\npassword = \"hunter2\"")),
        "30:1: source[1].schema_registry.password: expected an environment variable that holds the secret, \
         such as \"${REGISTRY_PASSWORD}\", found a secret in the file"
    );
    assert_eq!(
        registry(&format!("{private}\nusername = \"me\"")),
        "27:9: source[1].schema_registry.password: missing; expected an environment variable that holds the \
         secret, such as \"${REGISTRY_PASSWORD}\""
    );
    assert_eq!(
        registry(&format!("{private}\nkeys = 1")),
        "29:1: source[1].schema_registry.keys: expected true or false, found the number 1"
    );
    let list = |from: &str, to: &str| {
        let source = "type = \"kafka\"\nbrokers = [\"b:9092\"]\ntopics = [\"t\"]\ngroup = \"g\"";
        message("type = \"filesystem\"\nroot = \"more\"", &source.replace(from, to))
    };
    assert_eq!(
        list("[\"t\"]", "[\"t\", \"t\"]"),
        "25:1: source[1].topics: expected a list of at least one, each once: the name of a topic, of letters, \
         digits, '-', '_' and '.', or a pattern such as \"docs-*\", found \"t\" twice"
    );
    assert_eq!(
        list("[\"b:9092\"]", "[\"b\"]"),
        "24:12: source[1].brokers[0]: expected a broker such as \"kafka.example.org:9092\", found \"b\" (has \
         no port: it must read host:port)"
    );
}

#[test]
fn buckets_of_contents() {
    let bucket = |keys: &str| {
        let source = format!("type = \"jsonl\"\npath = \"-\"\n[[source.content_bucket]]\n{keys}");
        message("type = \"filesystem\"\nroot = \"more\"", &source)
    };
    assert_eq!(
        bucket(""),
        "25:1: source[1].content_bucket[0].bucket: missing; expected the name of a bucket, of letters, digits, \
         '-', '_' and '.'"
    );
    assert_eq!(
        bucket("bucket = \"b\"\nendpoints = \"x\""),
        "27:1: source[1].content_bucket[0].endpoints: unknown key; expected one of bucket, prefix, endpoint, \
         allow_http, region, access_key_id, secret_access_key, session_token; did you mean \"endpoint\"?"
    );
    assert_eq!(
        bucket("bucket = \"b\"\nprefix = \"a/../c\""),
        "27:1: source[1].content_bucket[0].prefix: expected how the keys begin that may be read, such as \
         \"handbook/\", found \"a/../c\" (has a segment that is empty, \".\" or \"..\")"
    );
    assert_eq!(
        bucket("bucket = \"b\"\nendpoint = \"http://store.example.org\""),
        "27:1: source[1].content_bucket[0].endpoint: expected an https:// endpoint, or allow_http = true, with \
         which contents go in the clear, found \"http://store.example.org\""
    );
    assert_eq!(
        bucket("bucket = \"b\"\nendpoint = \"https://user@store.example.org\""),
        "27:1: source[1].content_bucket[0].endpoint: expected where the store is, such as \
         \"https://minio.example.org:9000\", found \"https://user@store.example.org\" (has no host, or more \
         than host and port; an IPv6 address stands in brackets)"
    );
    assert_eq!(
        bucket("bucket = \"b\"\naccess_key_id = \"a\"\nsecret_access_key = \"hunter2\""),
        "28:1: source[1].content_bucket[0].secret_access_key: expected an environment variable that holds the \
         secret, such as \"${AWS_SECRET_ACCESS_KEY}\", found a secret in the file"
    );
    assert_eq!(
        bucket("bucket = \"b\"\nsession_token = \"${SECRET}\""),
        "25:1: source[1].content_bucket[0].access_key_id: missing; expected the id of the access key"
    );
}

#[test]
fn metadata() {
    let with = |table: &str| message("root = \"docs\"", &format!("root = \"docs\"\nmetadata = {table}"));
    assert_eq!(
        with("{ \"a=b\" = \"c\" }"),
        "18:14: source[0].metadata.\"a=b\": expected a key that is not empty and has neither \"=\" nor \
         control characters, found \"a=b\""
    );
    assert_eq!(
        with("{ a = \"${SECRET}\" }"),
        "18:14: source[0].metadata.a: expected a text without control characters, found \"${SECRET}\" \
         (holds a control character)"
    );
    assert_eq!(with("[]"), "18:1: source[0].metadata: expected a table, found a list");
}

#[test]
fn index_uris() {
    assert_eq!(
        message("\"index\"", "\"s3://bucket/index\""),
        "5:1: index.uri: expected a local path or a file:// URI, found \"s3://bucket/index\" (s3:// is not \
         supported yet)"
    );
    assert_eq!(
        message("\"index\"", "\"hdfs://x/index\""),
        "5:1: index.uri: expected a local path or a file:// URI, found \"hdfs://x/index\" (the scheme \
         hdfs:// is not supported)"
    );
}

#[test]
fn syntax() {
    assert!(message("[index]", "[index").starts_with("4:7: not valid TOML: "));
    let twice = message("uri = \"index\"", "uri = \"index\"\nuri = \"${SECRET}\"");
    assert!(twice.starts_with("6:1: not valid TOML: duplicate key"), "{twice}");
    // The error of the TOML crate itself would show the line.
    assert!(!message("\"index\"", "\"index\" my-own-secret").contains("my-own-secret"));
}

#[test]
fn variables() {
    assert_eq!(
        message("\"index\"", "\"${NO_SUCH}\""),
        "5:1: index.uri: expected the environment variable NO_SUCH to be set, or a default: ${NO_SUCH:-…}, \
         found no such variable"
    );
    assert_eq!(
        message("\"index\"", "\"$HOME/x\""),
        "5:1: index.uri: expected ${NAME}, ${NAME:-default} or $$ for a dollar sign, found a \"$\" that is \
         none of these"
    );
}

#[test]
fn a_secret_is_never_in_an_error() {
    assert_eq!(
        message("\"index\"", "\"${URI}\""),
        "5:1: index.uri: expected a local path or a file:// URI, found \"${URI}\" (s3:// is not supported yet)"
    );
    assert_eq!(
        message("[\"**/*\"]", "[\"${SECRET}\"]"),
        "18:12: source[0].include[0]: expected a glob such as \"**/*.md\", found \"${SECRET}\""
    );
    for (from, to) in [
        ("\"handbook\"", "\"${SECRET}\""),
        ("\"docs\"", "\"${SECRET}\""),
        ("\"filesystem\"", "\"${SECRET}\""),
        ("\"group:staff\"", "\"${SECRET}\""),
        ("= 256", "= \"${SECRET}\""),
        ("= \"index\"", "= \"index\"\ndurability = \"${SECRET}\""),
        ("= \"index\"", "= \"index\"\nkeep_for = \"${SECRET}\""),
    ] {
        assert!(message(from, to).contains("found "), "{from}");
    }
}

#[test]
fn a_secret_is_never_in_what_is_printed_or_hashed() {
    let text =
        FILE.replace("\"docs\"\ninclude", "\"${SECRET}/docs\"\ninclude").replace("group:staff", "${TEAM}");
    let spec = parse(&text).unwrap();
    let printed = format!("{spec:?} {spec:#?} {}", serde_json::to_string(&spec).unwrap());
    assert!(!printed.contains("hunter2"), "{printed}");
    assert!(printed.contains("${SECRET}/docs") && printed.contains("${TEAM}"));
    let other = PipelineSpec::parse(&text, Path::new("q.toml"), &|_| Some("other".to_owned())).unwrap();
    assert_eq!(spec.config_hash(), other.config_hash());
}

#[test]
fn errors_of_the_caller_find_their_line() {
    let spec = parse(FILE).unwrap();
    let error = spec.at_key("chunk.max_tokens", "the model takes at most 128 tokens");
    assert_eq!(
        error.to_string(),
        "pipelines/p.toml:11:1: chunk.max_tokens: the model takes at most 128 tokens"
    );
    assert_eq!(spec.at_key("index.keep_for", "x").line, 4, "the table's line");
    assert_eq!(spec.at_key("source[1].include[3]", "x").line, 21);
    assert_eq!(spec.at_key("extract.cpu", "x").line, 1);
}
