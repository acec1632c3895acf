#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

use std::collections::BTreeSet;
use std::path::Path;

use super::json_schema;
use crate::bucket::BUCKET;
use crate::cloudevents::CLOUDEVENTS;
use crate::kafka::{KAFKA, PREPARED, REGISTRY};
use crate::parse::{CHUNK, COMMIT, EMBED, EXTRACT, INDEX, MODEL, RUN, TOP};
use crate::source::{ACL, FILESYSTEM, JSONL};
use crate::{ConfigError, PipelineSpec};

const SMALLEST: &str = r#"
version = 1
name = "handbook"
[index]
uri = "index"
[model]
name = "all-MiniLM-L6-v2"
[[source]]
name = "docs"
type = "filesystem"
root = "docs"
"#;

const FULL: &str = r#"
version = 1
name = "handbook"
[index]
uri = "file:///srv/index"
keep_for = "7d"
keep_last = 100
durability = "process"
[model]
name = "potion-base-8M"
[chunk]
max_tokens = 256
overlap_tokens = 32
[extract]
memory = "512MiB"
cpu = "${CPU:-10s}"
wall = "1m"
workers = 2
pdf_engines = ["pdf-extract"]
[embed]
sessions = 4
[commit]
interval = "500ms"
max_documents = 10
max_bytes = "1MB"
[run]
reconcile_interval = "10m"
settle = "1s"
drain_timeout = "0s"
[prepared]
brokers = ["127.0.0.1:9093"]
topic = "prepared"
group = "committer"
max_message_size = "1MB"
tls = {}
properties = { "client.rack" = "a" }
[[source]]
name = "docs"
type = "filesystem"
root = "docs"
include = ["**/*.md"]
exclude = ["drafts/**"]
default_acl = { readers = ["group:staff"], denied = [], tenant = "acme", classification = "internal" }
max_file_size = "1GiB"
metadata = { team = "people", "a key" = "${TEAM:-x}" }
[[source]]
name = "events"
type = "jsonl"
path = "-"
default_acl = { readers = ["group:events"] }
content_roots = ["content"]
max_event_size = "1MiB"
[[source]]
name = "stream"
type = "kafka"
brokers = ["127.0.0.1:9092", "[::1]:9092"]
topics = ["documents"]
group = "handbook"
format = "document_change"
default_acl = { readers = ["group:stream"] }
content_roots = ["shelf"]
max_event_size = "2MiB"
offset_lost = "earliest"
dead_letter_topic = "refused"
tls = { ca = "ca.pem", certificate = "me.pem", key = "me.key", key_password = "${KEY_PASSWORD:-k}" }
sasl = { mechanism = "scram-sha-512", username = "handbook", password = "${PASSWORD:-p}" }
properties = { "fetch.wait.max.ms" = "50", "client.rack" = "${RACK:-a}" }
[source.schema_registry]
urls = ["https://r:8081/api", "http://[::1]"]
username = "me"
password = "${PASSWORD:-q}"
ca = "ca.pem"
keys = true
[[source.content_bucket]]
bucket = "contents"
prefix = "handbook/"
endpoint = "http://10.0.0.7:9000/"
allow_http = true
region = "eu-central-1"
access_key_id = "AKIA"
secret_access_key = "${SECRET_KEY:-s}"
session_token = "${TOKEN:-t}"
[[source.content_bucket]]
bucket = "more"
endpoint = "http://[::1]:9000"
[[source]]
name = "pages"
type = "kafka"
brokers = ["127.0.0.1:9094"]
topics = ["pages"]
group = "pages"
format = "cloudevents"
cloudevents = { upsert = ["page.saved"], delete = ["page.removed"] }
[[source]]
name = "objects"
type = "kafka"
brokers = ["127.0.0.1:9094"]
topics = ["objects"]
group = "objects"
format = "bucket_notifications"
[[source]]
name = "more"
type = "filesystem"
root = "${ROOT:-more}"
"#;

fn parse(text: &str) -> Result<PipelineSpec, ConfigError> {
    PipelineSpec::parse(text, Path::new("p.toml"), &|_| None)
}

fn schema_accepts(text: &str) -> bool {
    let value: serde_json::Value = toml::from_str(text).unwrap();
    jsonschema::validator_for(&json_schema()).unwrap().is_valid(&value)
}

#[test]
fn the_schema_in_the_repository_is_current() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../schemas/config.schema.json");
    let mut now = serde_json::to_string_pretty(&json_schema()).unwrap();
    now.push('\n');
    if std::env::var_os("UPDATE_SCHEMAS").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, &now).unwrap();
    }
    let then = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(then == now, "{} is out of date: run the tests with UPDATE_SCHEMAS=1", path.display());
}

#[test]
fn schema_and_parser_have_the_same_keys() {
    let schema = json_schema();
    let check = |shape: &serde_json::Value, keys: &[&str]| {
        let shape: BTreeSet<&str> =
            shape["properties"].as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(shape, keys.iter().copied().collect());
    };
    check(&schema, TOP);
    let tables = [
        ("Index", INDEX),
        ("Model", MODEL),
        ("Chunk", CHUNK),
        ("Extract", EXTRACT),
        ("Embed", EMBED),
        ("Commit", COMMIT),
        ("Run", RUN),
        ("Filesystem", FILESYSTEM),
        ("Jsonl", JSONL),
        ("Kafka", KAFKA),
        ("CloudEvents", CLOUDEVENTS),
        ("Prepared", PREPARED),
        ("ContentBucket", BUCKET),
        ("SchemaRegistry", REGISTRY),
        ("Acl", ACL),
    ];
    for (name, keys) in tables {
        check(&schema["$defs"][name], keys);
    }
}

#[test]
fn both_accept_what_is_valid() {
    for text in [SMALLEST, FULL] {
        parse(text).unwrap();
        assert!(schema_accepts(text));
    }
}

#[test]
fn both_refuse_what_is_not() {
    let mutations = [
        ("version = 1", "version = 2"),
        ("version = 1", ""),
        ("name = \"handbook\"", "name = \"hand book\""),
        ("name = \"handbook\"", "name = 3"),
        ("keep_last = 100", "keep_lst = 100"),
        ("keep_last = 100", "keep_last = 0"),
        ("keep_for = \"7d\"", "keep_for = \"7 days\""),
        ("durability = \"process\"", "durability = \"none\""),
        ("[embed]", "[embedding]"),
        ("max_tokens = 256", "max_tokens = \"256\""),
        ("memory = \"512MiB\"", "memory = \"512\""),
        ("workers = 2", "workers = 0"),
        ("[\"pdf-extract\"]", "[]"),
        ("[\"pdf-extract\"]", "[\"pdfium\"]"),
        ("[\"pdf-extract\"]", "[\"pdf-extract\", \"pdf-extract\"]"),
        ("max_bytes = \"1MB\"", "max_bytes = 1"),
        ("type = \"filesystem\"", "type = \"kafka\""),
        ("brokers = [\"127.0.0.1:9092\", \"[::1]:9092\"]", "brokers = []"),
        ("\"127.0.0.1:9092\"", "\"127.0.0.1\""),
        ("\"127.0.0.1:9092\"", "\"[::1]:9092\""),
        ("\"127.0.0.1:9092\"", "\"a:1,b:2\""),
        ("topics = [\"documents\"]", ""),
        ("[\"documents\"]", "[\"^doc\"]"),
        ("[\"documents\"]", "\"documents\""),
        ("group = \"handbook\"", ""),
        ("group = \"handbook\"", "group = \"\""),
        ("\"document_change\"", "\"cloud_events\""),
        ("[\"page.saved\"]", "\"page.saved\""),
        ("[\"page.saved\"]", "[\"\"]"),
        ("[\"page.saved\"]", "[\"page.saved\", \"page.saved\"]"),
        ("delete = [\"page.removed\"]", "deleted = [\"page.removed\"]"),
        ("offset_lost = \"earliest\"", "offset_lost = \"latest\""),
        ("ca = \"ca.pem\"", "cas = \"ca.pem\""),
        ("certificate = \"me.pem\", ", ""),
        ("\"${KEY_PASSWORD:-k}\"", "\"k\""),
        ("\"scram-sha-512\"", "\"gssapi\""),
        ("username = \"handbook\", ", ""),
        ("\"${PASSWORD:-p}\"", "\"p\""),
        ("bucket = \"contents\"", ""),
        ("bucket = \"contents\"", "bucket = \"a/b\""),
        ("prefix = \"handbook/\"", "prefix = \"\""),
        ("prefix = \"handbook/\"", "prefixes = \"handbook/\""),
        ("\"http://10.0.0.7:9000/\"", "\"ftp://10.0.0.7\""),
        ("\"http://10.0.0.7:9000/\"", "\"https://me@10.0.0.7\""),
        ("\"http://10.0.0.7:9000/\"", "\"https://10.0.0.7/path\""),
        ("allow_http = true", "allow_http = \"true\""),
        ("region = \"eu-central-1\"", "region = \"\""),
        ("access_key_id = \"AKIA\"", ""),
        ("secret_access_key = \"${SECRET_KEY:-s}\"", ""),
        ("\"${SECRET_KEY:-s}\"", "\"s\""),
        ("\"${TOKEN:-t}\"", "\"t\""),
        ("\"fetch.wait.max.ms\" =", "\"plugin.library.paths\" ="),
        ("\"fetch.wait.max.ms\" =", "\"sasl.kerberos.kinit.cmd\" ="),
        ("\"fetch.wait.max.ms\" =", "\"enable.auto.commit\" ="),
        ("\"fetch.wait.max.ms\" = \"50\"", "\"fetch.wait.max.ms\" = 50"),
        ("\"https://r:8081/api\"", "\"r:8081\""),
        ("\"https://r:8081/api\"", "\"ftp://r\""),
        ("\"https://r:8081/api\"", "\"https://me:p@r:8081\""),
        ("\"https://r:8081/api\"", "\"https://r?a=b\""),
        ("\"https://r:8081/api\"", "\"http://[::1]\""),
        ("[\"https://r:8081/api\", \"http://[::1]\"]", "[]"),
        ("username = \"me\"", ""),
        ("\"${PASSWORD:-q}\"", "\"q\""),
        ("keys = true", "keys = \"yes\""),
        ("keys = true", "key = true"),
        ("type = \"filesystem\"", ""),
        ("root = \"docs\"", ""),
        ("include = [\"**/*.md\"]", "include = []"),
        ("exclude = [\"drafts/**\"]", "excludes = []"),
        ("denied = []", "deny = []"),
        ("readers = [\"group:staff\"], ", ""),
        ("max_file_size = \"1GiB\"", "max_file_size = \"big\""),
        ("team = \"people\"", "\"te=am\" = \"people\""),
        ("team = \"people\"", "team = 3"),
        ("settle = \"1s\"", "settle = 1"),
        ("settle = \"1s\"", "settles = \"1s\""),
        ("type = \"jsonl\"", "type = \"filesystem\""),
        ("path = \"-\"", "root = \"docs\""),
        ("path = \"-\"", "path = \"\""),
        ("[\"content\"]", "\"content\""),
        ("max_event_size = \"1MiB\"", "max_file_size = \"1MiB\""),
    ];
    for (from, to) in mutations {
        let text = FULL.replacen(from, to, 1);
        assert_ne!(text, FULL, "{from}");
        assert!(parse(&text).is_err(), "the parser accepts {to:?} for {from:?}");
        assert!(!schema_accepts(&text), "the schema accepts {to:?} for {from:?}");
    }
}
