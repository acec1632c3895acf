//! What of Kafka is read and written.

use std::collections::BTreeMap;
use std::sync::Arc;

use alluvium_config::{
    CloudEventSettings, ColumnSettings, ConnectionSettings, CredentialSettings, EventFormat,
    IdentitySettings, KafkaSettings, PipelineSpec, PreparedSettings, RegistrySettings, SaslMechanism,
    SaslSettings, SourceKind, SourceSpec, TlsSettings,
};
use alluvium_connect::event::{self, Again};
use alluvium_core::clock::SystemClock;
use alluvium_core::fingerprint::GenerationFingerprint;
use alluvium_core::id::SourceName;
use alluvium_core::source::Source;
use alluvium_index::Writer;
use alluvium_kafka::{
    Connection, DeadLetterSpec, DeadLetters, EventsSpec, KafkaMode, KafkaSource, KafkaSpec, Messages,
    OffsetLost, PreparedSpec, PreparedTopic, PreparedTopicSpec, RegistryCredentials, SchemaRegistrySpec,
};
use alluvium_runtime::RunError;

use super::{Start, all_exposed, bucket_of, exposed};
use crate::failure::{Exit, Failure};

const PREPARED: &str = "prepared";

/// Topics of change events.
pub(super) fn source(
    spec: &SourceSpec,
    settings: &KafkaSettings,
    mode: KafkaMode,
    positions: BTreeMap<String, u64>,
    again: Vec<Again>,
) -> Result<KafkaSource, RunError> {
    Ok(KafkaSource::new(kafka_spec(spec, settings), mode, positions, again, Arc::new(SystemClock))?)
}

/// Events of a source that preparers read which a person wants to be tried again, where there are any.
pub(crate) fn again_source(spec: &SourceSpec, start: Start) -> Result<Option<Box<dyn Source>>, RunError> {
    let SourceKind::Kafka(settings) = &spec.kind else { return Ok(None) };
    if start.again.is_empty() {
        return Ok(None);
    }
    Ok(Some(Box::new(source(spec, settings, KafkaMode::Again, start.positions, start.again)?)))
}

/// Whether preparers can share the source between them; others are the committer's to read.
pub(crate) fn is_shared(source: &SourceSpec) -> bool {
    matches!(source.kind, SourceKind::Kafka(_))
}

/// The sources that preparers share. Their progress is kept by their consumer groups.
pub(crate) fn shared_sources(spec: &PipelineSpec) -> Result<Vec<Box<dyn Source>>, Failure> {
    let mut shared: Vec<Box<dyn Source>> = Vec::new();
    for source in &spec.sources {
        if let SourceKind::Kafka(settings) = &source.kind {
            let (positions, again) = (BTreeMap::new(), Vec::new());
            shared.push(Box::new(self::source(source, settings, KafkaMode::Share, positions, again)?));
        }
    }
    Ok(shared)
}

/// The name under which the topic of prepared documents stands in checkpoints.
pub(crate) fn prepared_name() -> Result<SourceName, Failure> {
    SourceName::new(PREPARED).map_err(|e| Failure::new(Exit::Failed, "internal", e.to_string()))
}

/// The topic of prepared documents, for the committer.
pub(crate) fn prepared_source(
    spec: &PipelineSpec,
    fingerprint: &GenerationFingerprint,
    positions: BTreeMap<String, u64>,
) -> Result<Box<dyn Source>, Failure> {
    let spec = prepared_spec(spec, fingerprint)?;
    let source = KafkaSource::new(spec, KafkaMode::Alone, positions, Vec::new(), Arc::new(SystemClock));
    Ok(Box::new(source.map_err(RunError::from)?))
}

/// What the committer reads.
pub(crate) fn prepared_spec(
    spec: &PipelineSpec,
    fingerprint: &GenerationFingerprint,
) -> Result<KafkaSpec, Failure> {
    let settings = prepared_settings(spec)?;
    let group = exposed(settings.group.as_ref());
    Ok(KafkaSpec {
        name: prepared_name()?,
        connection: connection_of(&settings.connection),
        topics: vec![settings.topic.expose().clone()],
        group: group.unwrap_or_else(|| format!("{}-commit", spec.name.expose())),
        messages: Messages::Prepared(PreparedSpec {
            generation: fingerprint.hash(),
            dimension: fingerprint.model.dimension,
            sources: spec.sources.iter().map(|source| source.name.expose().clone()).collect(),
        }),
        offset_lost: offset_lost_of(settings.offset_lost),
    })
}

/// The topic of prepared documents, for a preparer.
pub(crate) fn prepared_topic(
    spec: &PipelineSpec,
    fingerprint: &GenerationFingerprint,
) -> Result<PreparedTopic, Failure> {
    let settings = prepared_settings(spec)?;
    let topic = PreparedTopicSpec {
        connection: connection_of(&settings.connection),
        topic: settings.topic.expose().clone(),
        max_message_size: settings.max_message_size,
    };
    let generation = fingerprint.generation();
    let generation = generation.map_err(|e| Failure::new(Exit::Failed, "internal", e.to_string()))?;
    let topic = PreparedTopic::new(&topic, fingerprint.hash(), generation);
    Ok(topic.map_err(RunError::from)?)
}

fn prepared_settings(spec: &PipelineSpec) -> Result<&PreparedSettings, Failure> {
    spec.prepared.as_deref().ok_or_else(|| {
        let message = "this role needs a topic of prepared documents: [prepared] in the pipeline file";
        let next = "name its `brokers` and its `topic`, or run `--role all`";
        Failure::new(Exit::Usage, "config", message).at(spec.name.written()).next(next)
    })
}

/// A writer that copies what is refused to the dead-letter topics that the pipeline has.
pub(crate) fn with_dead_letters<'w>(
    spec: &PipelineSpec,
    writer: &'w mut Writer,
) -> Result<DeadLetters<'w, Writer>, Failure> {
    let dead = |source: &SourceSpec| {
        let SourceKind::Kafka(settings) = &source.kind else { return None };
        let topic = exposed(settings.dead_letter_topic.as_ref())?;
        Some(DeadLetterSpec { source: kafka_spec(source, settings), topic })
    };
    let specs = spec.sources.iter().filter_map(dead).collect();
    Ok(DeadLetters::new(writer, specs).map_err(RunError::from)?)
}

/// What is read of Kafka, and from whom.
pub(crate) fn kafka_spec(spec: &SourceSpec, settings: &KafkaSettings) -> KafkaSpec {
    KafkaSpec {
        name: spec.name.expose().clone(),
        connection: connection_of(&settings.connection),
        topics: all_exposed(&settings.topics),
        group: settings.group.expose().clone(),
        messages: Messages::Events(Box::new(EventsSpec {
            format: match &settings.format {
                EventFormat::DocumentChange => event::EventFormat::DocumentChange,
                EventFormat::Debezium(columns) => event::EventFormat::Debezium(Box::new(columns_of(columns))),
                EventFormat::CloudEvents(types) => event::EventFormat::CloudEvents(Box::new(types_of(types))),
                EventFormat::BucketNotifications => event::EventFormat::BucketNotifications,
            },
            default_acl: exposed(settings.default_acl.as_ref()),
            content_roots: all_exposed(&settings.content_roots),
            content_buckets: settings.content_buckets.iter().map(bucket_of).collect(),
            max_event_size: settings.max_event_size,
            schema_registry: settings.schema_registry.as_deref().map(registry_of),
        })),
        offset_lost: offset_lost_of(settings.offset_lost),
    }
}

fn registry_of(settings: &RegistrySettings) -> SchemaRegistrySpec {
    let credentials = |own: &CredentialSettings| RegistryCredentials {
        username: own.username.expose().clone(),
        password: own.password.expose().clone(),
    };
    SchemaRegistrySpec {
        urls: all_exposed(&settings.urls),
        credentials: settings.credentials.as_ref().map(credentials),
        ca: exposed(settings.ca.as_ref()),
        keys: settings.keys,
    }
}

fn offset_lost_of(setting: alluvium_config::OffsetLost) -> OffsetLost {
    match setting {
        alluvium_config::OffsetLost::Stop => OffsetLost::Stop,
        alluvium_config::OffsetLost::Earliest => OffsetLost::Earliest,
    }
}

fn connection_of(settings: &ConnectionSettings) -> Connection {
    let properties = settings.properties.iter().map(|(key, value)| (key.clone(), value.expose().clone()));
    Connection {
        brokers: all_exposed(&settings.brokers),
        tls: settings.tls.as_deref().map(tls_of),
        sasl: settings.sasl.as_deref().map(sasl_of),
        properties: properties.collect(),
    }
}

fn tls_of(settings: &TlsSettings) -> alluvium_kafka::Tls {
    let identity = |own: &IdentitySettings| alluvium_kafka::Identity {
        certificate: own.certificate.expose().clone(),
        key: own.key.expose().clone(),
        key_password: exposed(own.key_password.as_ref()),
    };
    alluvium_kafka::Tls {
        ca: exposed(settings.ca.as_ref()),
        identity: settings.identity.as_ref().map(identity),
    }
}

fn sasl_of(settings: &SaslSettings) -> alluvium_kafka::Sasl {
    alluvium_kafka::Sasl {
        mechanism: match settings.mechanism {
            SaslMechanism::Plain => alluvium_kafka::SaslMechanism::Plain,
            SaslMechanism::ScramSha256 => alluvium_kafka::SaslMechanism::ScramSha256,
            SaslMechanism::ScramSha512 => alluvium_kafka::SaslMechanism::ScramSha512,
        },
        username: settings.username.expose().clone(),
        password: settings.password.expose().clone(),
    }
}

fn types_of(settings: &CloudEventSettings) -> event::EventTypes {
    event::EventTypes { upsert: all_exposed(&settings.upsert), delete: all_exposed(&settings.delete) }
}

fn columns_of(settings: &ColumnSettings) -> event::Columns {
    event::Columns {
        id: settings.id.expose().clone(),
        text: settings.text.expose().clone(),
        media_type: settings.media_type.clone(),
        title: exposed(settings.title.as_ref()),
        uri: exposed(settings.uri.as_ref()),
        readers: exposed(settings.readers.as_ref()),
        metadata: all_exposed(&settings.metadata),
        unavailable: settings
            .unavailable_value
            .as_ref()
            .map_or_else(event::Unavailable::default, |value| event::Unavailable::of(value.expose())),
    }
}
