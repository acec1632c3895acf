//! The JSON Schema of the pipeline file. These structs exist for their shape only; a test holds their
//! keys against the parser's, and others hold valid and invalid files against both.
//!
//! A string with a `$` may be anything once variables are put in, so no pattern is laid upon it.

use std::collections::BTreeMap;

use schemars::{JsonSchema, generate::SchemaSettings};
use serde_json::Value;

/// The JSON Schema (draft 2020-12) of a pipeline file, read as JSON.
pub fn json_schema() -> Value {
    let schema = SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<Pipeline>();
    let mut schema = schema.to_value();
    drop_null(&mut schema);
    if let Some(object) = schema.as_object_mut() {
        object.insert("title".to_owned(), "Alluvium pipeline".into());
    }
    schema
}

/// TOML has no null: an optional key is one that may be left out.
fn drop_null(schema: &mut Value) {
    match schema {
        Value::Array(items) => items.iter_mut().for_each(drop_null),
        Value::Object(object) => {
            object.values_mut().for_each(drop_null);
            if let Some(Value::Array(types)) = object.get("type")
                && let [one, Value::String(null)] = types.as_slice()
                && null == "null"
            {
                let one = one.clone();
                object.insert("type".to_owned(), one);
            }
            let null = serde_json::json!({"type": "null"});
            if let Some(Value::Array(items)) = object.get("anyOf")
                && let [Value::Object(one), other] = items.as_slice()
                && *other == null
            {
                let one = one.clone();
                object.remove("anyOf");
                object.extend(one);
            }
        }
        _ => {}
    }
}

macro_rules! shape {
    ($(#[$doc:meta])* struct $name:ident { $($(#[$attr:meta])* $field:ident: $type:ty,)* }) => {
        #[derive(JsonSchema)]
        $(#[$doc])*
        #[schemars(deny_unknown_fields)]
        #[expect(dead_code, reason = "only the shape is used")]
        struct $name { $($(#[$attr])* $field: $type,)* }
    };
}

shape! {
    /// A pipeline: which documents go into which index, and how.
    struct Pipeline {
        /// The version of this format.
        #[schemars(range(min = 1, max = 1))]
        version: u64,
        /// The pipeline's name; an index belongs to one.
        #[schemars(regex(pattern = r"^[A-Za-z0-9._-]{1,64}$|\$"))]
        name: String,
        /// Where the index is and how long its past is kept.
        index: Index,
        /// The embedding model.
        model: Model,
        /// How documents are cut.
        chunk: Option<Chunk>,
        /// Limits of extraction.
        extract: Option<Extract>,
        /// How embedding uses the machine.
        embed: Option<Embed>,
        /// When a batch is committed: the first of these that is reached.
        commit: Option<Commit>,
        /// How sources are followed.
        run: Option<Run>,
        /// The topic between those who prepare documents and the one who commits them.
        prepared: Option<Box<Prepared>>,
        /// Where documents come from.
        #[schemars(length(min = 1))]
        source: Vec<Source>,
    }
}

shape! {
    /// Where the index is and how long its past is kept.
    struct Index {
        /// A local path, relative to this file, or a file:// URI.
        #[schemars(length(min = 1))]
        uri: String,
        /// How long every publish can be rolled back to.
        #[schemars(extend("default" = "7d"), regex(pattern = r"^[0-9]+(ms|s|m|h|d|w)$|\$"))]
        keep_for: Option<String>,
        /// How many publishes can be rolled back to, however old.
        #[schemars(extend("default" = 100), range(min = 1, max = 1_000_000_000))]
        keep_last: Option<u64>,
        /// What a publish has survived once it is reported: loss of power, or death of the process.
        #[schemars(extend("default" = "power"), regex(pattern = r"^(power|process)$|\$"))]
        durability: Option<String>,
    }
}

shape! {
    /// The embedding model.
    struct Model {
        /// Its name in the registry: `alluvium models list`.
        #[schemars(length(min = 1))]
        name: String,
    }
}

shape! {
    /// How documents are cut.
    struct Chunk {
        /// The most tokens of a chunk, counted by the model's own tokenizer.
        #[schemars(extend("default" = 256), range(min = 1, max = 1_000_000))]
        max_tokens: Option<u64>,
        /// How many tokens neighbours share; less than `max_tokens`, by default an eighth of it.
        #[schemars(range(min = 0, max = 1_000_000))]
        overlap_tokens: Option<u64>,
    }
}

shape! {
    /// Limits of extraction, which runs in worker processes.
    struct Extract {
        /// Memory of one worker; at least 64MiB.
        #[schemars(extend("default" = "1GiB"), regex(pattern = r"^[0-9]+([KMGT]iB|[kKMGT]?B)$|\$"))]
        memory: Option<String>,
        /// CPU time for one document; at least 1s.
        #[schemars(extend("default" = "20s"), regex(pattern = r"^[0-9]+(ms|s|m|h|d|w)$|\$"))]
        cpu: Option<String>,
        /// Wall time for one document; at least 1s.
        #[schemars(extend("default" = "30s"), regex(pattern = r"^[0-9]+(ms|s|m|h|d|w)$|\$"))]
        wall: Option<String>,
        /// Worker processes; by default as many as there are cores.
        #[schemars(range(min = 1, max = 1024))]
        workers: Option<u64>,
        /// PDF engines, the first that makes it wins.
        #[schemars(
            extend("default" = ["pdfboss", "pdf-extract"], "uniqueItems" = true),
            length(min = 1),
            inner(regex(pattern = r"^(pdfboss|pdf-extract)$|\$"))
        )]
        pdf_engines: Option<Vec<String>>,
        /// What becomes of text that readers do not see, such as comments and hidden elements.
        #[schemars(extend("default" = "drop"), regex(pattern = r"^(drop|keep)$|\$"))]
        hidden: Option<String>,
    }
}

shape! {
    /// How embedding uses the machine.
    struct Embed {
        /// Model sessions that run side by side; by default as many as there are cores.
        #[schemars(range(min = 1, max = 1024))]
        sessions: Option<u64>,
    }
}

shape! {
    /// When a batch is committed: the first of these that is reached.
    struct Commit {
        /// How long a prepared document waits at most; at least 1ms.
        #[schemars(extend("default" = "1s"), regex(pattern = r"^[0-9]+(ms|s|m|h|d|w)$|\$"))]
        interval: Option<String>,
        /// Documents in a batch.
        #[schemars(extend("default" = 4096), range(min = 1, max = 1_000_000))]
        max_documents: Option<u64>,
        /// Bytes of prepared documents in a batch.
        #[schemars(extend("default" = "64MiB"), regex(pattern = r"^[0-9]+([KMGT]iB|[kKMGT]?B)$|\$"))]
        max_bytes: Option<String>,
    }
}

shape! {
    /// How sources are followed.
    struct Run {
        /// How long after a scan of a whole source the next one begins; at least 1s.
        #[schemars(extend("default" = "5m"), regex(pattern = r"^[0-9]+(ms|s|m|h|d|w)$|\$"))]
        reconcile_interval: Option<String>,
        /// How long a file must be left alone before it is read; at least 1ms.
        #[schemars(extend("default" = "300ms"), regex(pattern = r"^[0-9]+(ms|s|m|h|d|w)$|\$"))]
        settle: Option<String>,
        /// How long what is on its way is waited for when the process is asked to end.
        #[schemars(extend("default" = "30s"), regex(pattern = r"^[0-9]+(ms|s|m|h|d|w)$|\$"))]
        drain_timeout: Option<String>,
    }
}

/// One source; its type decides which keys there are.
#[derive(JsonSchema)]
#[schemars(untagged)]
#[expect(dead_code, reason = "only the shape is used")]
enum Source {
    Filesystem(Filesystem),
    Jsonl(Jsonl),
    Kafka(Kafka),
}

shape! {
    /// Files beneath a folder.
    struct Filesystem {
        /// The source's name, of which there is one; it starts the ids of its documents.
        #[schemars(regex(pattern = r"^[A-Za-z0-9._-]{1,64}$|\$"))]
        name: String,
        /// What is read.
        #[schemars(rename = "type", regex(pattern = r"^filesystem$|\$"))]
        kind: String,
        /// The folder, relative to this file.
        #[schemars(length(min = 1))]
        root: String,
        /// Globs of paths beneath the root, one of which must match. `*` does not cross a slash; a folder's
        /// name means all that is in it.
        #[schemars(extend("default" = ["**/*"]), length(min = 1))]
        include: Option<Vec<String>>,
        /// Globs of paths beneath the root, none of which may match.
        #[schemars(extend("default" = []))]
        exclude: Option<Vec<String>>,
        /// Whether hidden files, and what systems and editors leave beside documents, are documents, too.
        #[schemars(extend("default" = false))]
        hidden: Option<bool>,
        /// Whether what `.gitignore` files leave out is left out.
        #[schemars(extend("default" = false))]
        gitignore: Option<bool>,
        /// The access list of documents without a sidecar; without it they are quarantined.
        default_acl: Option<Acl>,
        /// Larger files are quarantined.
        #[schemars(extend("default" = "64MiB"), regex(pattern = r"^[0-9]+([KMGT]iB|[kKMGT]?B)$|\$"))]
        max_file_size: Option<String>,
        /// Pairs to filter by, of every document.
        metadata: Option<Metadata>,
        /// What becomes of a document whose new content can't be read: its last good version stays, or nothing
        /// of it is served.
        #[schemars(extend("default" = "keep"), regex(pattern = r"^(keep|hide)$|\$"))]
        on_unreadable: Option<String>,
    }
}

/// Pairs to filter by.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "only the shape is used")]
struct Metadata(
    #[schemars(extend("propertyNames" = {"pattern": r"^[^=\p{Cc}]+$"}))] BTreeMap<String, String>,
);

shape! {
    /// Lines of change events.
    struct Jsonl {
        /// The source's name, of which there is one; it starts the ids of its documents.
        #[schemars(regex(pattern = r"^[A-Za-z0-9._-]{1,64}$|\$"))]
        name: String,
        /// What is read.
        #[schemars(rename = "type", regex(pattern = r"^jsonl$|\$"))]
        kind: String,
        /// A file of change events, relative to this file, or `-` for standard input.
        #[schemars(length(min = 1))]
        path: String,
        /// The access list of documents that were never given one; without it they are quarantined.
        default_acl: Option<Acl>,
        /// Folders that events may take content from by reference, relative to this file.
        #[schemars(extend("default" = []))]
        content_roots: Option<Vec<String>>,
        /// Buckets that events may take content from by reference, as `s3://bucket/key`.
        #[schemars(length(min = 1))]
        content_bucket: Option<Vec<ContentBucket>>,
        /// Longer lines are quarantined.
        #[schemars(extend("default" = "64MiB"), regex(pattern = r"^[0-9]+([KMGT]iB|[kKMGT]?B)$|\$"))]
        max_event_size: Option<String>,
        /// What becomes of a document whose new content can't be read: its last good version stays, or nothing
        /// of it is served.
        #[schemars(extend("default" = "keep"), regex(pattern = r"^(keep|hide)$|\$"))]
        on_unreadable: Option<String>,
    }
}

shape! {
    /// Kafka topics of change events.
    struct Kafka {
        /// The source's name, of which there is one; it starts the ids of its documents.
        #[schemars(regex(pattern = r"^[A-Za-z0-9._-]{1,64}$|\$"))]
        name: String,
        /// What is read.
        #[schemars(rename = "type", regex(pattern = r"^kafka$|\$"))]
        kind: String,
        /// Brokers to ask first, each `host:port`.
        #[schemars(
            length(min = 1),
            extend("uniqueItems" = true),
            inner(regex(pattern = r"^([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]):[0-9]{1,5}$|\$"))
        )]
        brokers: Vec<String>,
        /// The topics: names, and patterns with `*`, `?`, `[…]` and `{…}`.
        #[schemars(
            length(min = 1),
            extend("uniqueItems" = true),
            inner(regex(pattern = r"^[A-Za-z0-9._-]{1,249}$|[*?\[{]|\$"))
        )]
        topics: Vec<String>,
        /// The consumer group. Its committed offsets show the lag; what is read next, the index knows, but for
        /// preparers, which go on from them.
        #[schemars(length(min = 1))]
        group: String,
        /// What a message's value is.
        #[schemars(extend("default" = "document_change"), regex(pattern = r"^(document_change|debezium|cloudevents|bucket_notifications)$|\$"))]
        format: Option<String>,
        /// With `debezium`: what the columns of a row are.
        columns: Option<Box<Columns>>,
        /// With `cloudevents`: what the types of events mean.
        cloudevents: Option<Box<CloudEvents>>,
        /// The access list of documents that were never given one; without it they are quarantined.
        default_acl: Option<Acl>,
        /// Folders that events may take content from by reference, relative to this file.
        #[schemars(extend("default" = []))]
        content_roots: Option<Vec<String>>,
        /// Buckets that events may take content from by reference, as `s3://bucket/key`.
        #[schemars(length(min = 1))]
        content_bucket: Option<Vec<ContentBucket>>,
        /// Larger messages are quarantined.
        #[schemars(extend("default" = "16MiB"), regex(pattern = r"^[0-9]+([KMGT]iB|[kKMGT]?B)$|\$"))]
        max_event_size: Option<String>,
        /// What to do where the log does not have what comes next, because it was removed or the topic was
        /// made anew: stop with an error, or go on with the earliest message that there is.
        #[schemars(extend("default" = "stop"), regex(pattern = r"^(stop|earliest)$|\$"))]
        offset_lost: Option<String>,
        /// A topic to which refused messages are copied, with headers that say why.
        #[schemars(regex(pattern = r"^[A-Za-z0-9._-]{1,249}$|\$"))]
        dead_letter_topic: Option<String>,
        /// What values were written with, where they are framed for a schema registry.
        schema_registry: Option<Box<SchemaRegistry>>,
        /// TLS to the brokers, whose certificates and names are checked. An empty table is enough where the
        /// system knows who vouches for them.
        tls: Option<Box<Tls>>,
        /// Who we are to the brokers, by name and password.
        sasl: Option<Box<Sasl>>,
        /// Further properties of librdkafka.
        properties: Option<Properties>,
        /// What becomes of a document whose new content can't be read: its last good version stays, or nothing
        /// of it is served.
        #[schemars(extend("default" = "keep"), regex(pattern = r"^(keep|hide)$|\$"))]
        on_unreadable: Option<String>,
    }
}

shape! {
    /// The topic between those who prepare documents and the one who commits them. It must not be compacted.
    struct Prepared {
        /// Brokers to ask first, each `host:port`.
        #[schemars(
            length(min = 1),
            extend("uniqueItems" = true),
            inner(regex(pattern = r"^([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]):[0-9]{1,5}$|\$"))
        )]
        brokers: Vec<String>,
        /// The topic.
        #[schemars(regex(pattern = r"^[A-Za-z0-9._-]{1,249}$|\$"))]
        topic: String,
        /// Under which the committer's progress is shown to the tools of Kafka; without it the pipeline's
        /// name and `-commit`.
        #[schemars(length(min = 1))]
        group: Option<String>,
        /// What is larger goes in parts; less than the brokers take.
        #[schemars(extend("default" = "900KiB"), regex(pattern = r"^[0-9]+([KMGT]iB|[kKMGT]?B)$|\$"))]
        max_message_size: Option<String>,
        /// What to do where the topic does not have what comes next: stop with an error, or go on with the
        /// earliest message that there is.
        #[schemars(extend("default" = "stop"), regex(pattern = r"^(stop|earliest)$|\$"))]
        offset_lost: Option<String>,
        /// TLS to the brokers, whose certificates and names are checked. An empty table is enough where the
        /// system knows who vouches for them.
        tls: Option<Box<Tls>>,
        /// Who we are to the brokers, by name and password.
        sasl: Option<Box<Sasl>>,
        /// Further properties of librdkafka.
        properties: Option<Properties>,
    }
}

shape! {
    /// TLS to the brokers. Files are PEM, relative to this one.
    #[schemars(extend("dependentRequired" = {
        "certificate": ["key"], "key": ["certificate"], "key_password": ["certificate"]
    }))]
    struct Tls {
        /// Certificates that vouch for those of the brokers; without it the system's.
        ca: Option<String>,
        /// Our certificate, where the brokers want one.
        certificate: Option<String>,
        /// Its key.
        key: Option<String>,
        /// What opens the key, out of an environment variable.
        #[schemars(regex(pattern = r"\$"))]
        key_password: Option<String>,
    }
}

shape! {
    /// Name and password for the brokers.
    struct Sasl {
        /// How the password is shown to be known; `plain` sends it, and so needs `tls`.
        #[schemars(regex(pattern = r"^(plain|scram-sha-256|scram-sha-512)$|\$"))]
        mechanism: String,
        /// The name.
        #[schemars(length(min = 1))]
        username: String,
        /// The password, out of an environment variable.
        #[schemars(regex(pattern = r"\$"))]
        password: String,
    }
}

shape! {
    /// A bucket of an S3-compatible store.
    #[schemars(extend("dependentRequired" = {
        "access_key_id": ["secret_access_key"],
        "secret_access_key": ["access_key_id"],
        "session_token": ["access_key_id"]
    }))]
    struct ContentBucket {
        /// Its name.
        #[schemars(regex(pattern = r"^[A-Za-z0-9._-]+$|\$"))]
        bucket: String,
        /// The path that keys begin with, in whole segments; without it all keys may be read.
        #[schemars(length(min = 1))]
        prefix: Option<String>,
        /// Where the store is; without it, Amazon's.
        #[schemars(regex(pattern = r"^https?://[^/?#@]+/?$|\$"))]
        endpoint: Option<String>,
        /// Lets the endpoint be `http://` to another machine: contents then go in the clear.
        #[schemars(extend("default" = false))]
        allow_http: Option<bool>,
        /// The store's region.
        #[schemars(extend("default" = "us-east-1"), regex(pattern = r"^[A-Za-z0-9._-]+$|\$"))]
        region: Option<String>,
        /// The id of the access key; without one requests are not signed.
        #[schemars(regex(pattern = r"^[A-Za-z0-9._-]+$|\$"))]
        access_key_id: Option<String>,
        /// The secret of the access key, out of an environment variable.
        #[schemars(regex(pattern = r"\$"))]
        secret_access_key: Option<String>,
        /// The token of a key that is valid for a while, out of an environment variable.
        #[schemars(regex(pattern = r"\$"))]
        session_token: Option<String>,
    }
}

shape! {
    /// A registry of schemas, as Confluent's answers. Avro and JSON Schema are read.
    #[schemars(extend("dependentRequired" = { "username": ["password"], "password": ["username"] }))]
    struct SchemaRegistry {
        /// Where it answers, tried in turn.
        #[schemars(
            length(min = 1),
            extend("uniqueItems" = true),
            inner(regex(
                pattern = r"^https?://([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?(/[A-Za-z0-9/._~-]*)?$|\$"
            ))
        )]
        urls: Vec<String>,
        /// The name that it knows us by.
        #[schemars(length(min = 1))]
        username: Option<String>,
        /// The password, out of an environment variable; only over https or to this machine.
        #[schemars(regex(pattern = r"\$"))]
        password: Option<String>,
        /// Certificates (PEM) that vouch for that of the registry, relative to this file; without it the
        /// system's.
        ca: Option<String>,
        /// Whether keys are framed, too.
        #[schemars(extend("default" = false))]
        keys: Option<bool>,
    }
}

shape! {
    /// What the columns of a captured row are.
    struct Columns {
        /// The column of the document's id; it is one of the key, too.
        #[schemars(length(min = 1))]
        id: String,
        /// The column of the text.
        #[schemars(length(min = 1))]
        text: String,
        /// The MIME type of the texts.
        #[schemars(extend("default" = "text/plain"), regex(pattern = r"^text/(plain|markdown|html)$|\$"))]
        media_type: Option<String>,
        /// The column of the title.
        #[schemars(length(min = 1))]
        title: Option<String>,
        /// The column that says where a person finds the document.
        #[schemars(length(min = 1))]
        uri: Option<String>,
        /// The column of the principals that may read the document: a list, or a text that holds one as
        /// JSON.
        #[schemars(length(min = 1))]
        readers: Option<String>,
        /// Columns that become pairs to filter by.
        #[schemars(extend("default" = []), inner(regex(pattern = r"^[^=\p{Cc}]+$")))]
        metadata: Option<Vec<String>>,
        /// What the connector writes for a large column that an update left alone, its
        /// `unavailable.value.placeholder`.
        #[schemars(extend("default" = "__debezium_unavailable_value"), length(min = 1))]
        unavailable_value: Option<String>,
    }
}

shape! {
    /// What the types of CloudEvents mean. The data of `alluvium.document_change.v1` is a change event; an
    /// event of a type that is not here goes to quarantine.
    struct CloudEvents {
        /// Types of events whose data is the content of the document that `subject` names.
        #[schemars(extend("default" = [], "uniqueItems" = true), inner(regex(pattern = r"^[^\p{Cc}]+$")))]
        upsert: Option<Vec<String>>,
        /// Types of events by which that document is gone.
        #[schemars(extend("default" = [], "uniqueItems" = true), inner(regex(pattern = r"^[^\p{Cc}]+$")))]
        delete: Option<Vec<String>>,
    }
}

/// Further properties of librdkafka; those that are harmless.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "only the shape is used")]
struct Properties(
    #[schemars(extend("propertyNames" = {"enum": crate::kafka::PROPERTIES}))] BTreeMap<String, String>,
);

shape! {
    /// Who may read. Deny wins; principals are compared exactly.
    struct Acl {
        /// Principals that may read.
        readers: Vec<String>,
        /// Principals that may not, whatever else they are.
        denied: Option<Vec<String>>,
        /// The tenant that the documents belong to.
        tenant: Option<String>,
        /// A label such as `internal`.
        classification: Option<String>,
    }
}

#[cfg(test)]
mod tests;
