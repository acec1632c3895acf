//! How the brokers are reached, by whoever reads or writes.

use std::fmt;
use std::path::PathBuf;

use rdkafka::ClientConfig;

/// How properties begin that say something to consumers only.
const CONSUMERS: [&str; 9] = [
    "check.crcs",
    "fetch.",
    "group.",
    "heartbeat.",
    "isolation.",
    "max.partition.fetch.",
    "max.poll.",
    "queued.",
    "session.",
];

/// How the brokers are reached.
#[derive(Debug, Clone)]
pub struct Connection {
    /// Brokers to ask first, each `host:port`.
    pub brokers: Vec<String>,
    /// TLS to the brokers; in the clear without.
    pub tls: Option<Tls>,
    /// Who we are to the brokers.
    pub sasl: Option<Sasl>,
    /// Further properties of librdkafka. Some load libraries or run commands: whoever fills this in lets
    /// only harmless ones through.
    pub properties: Vec<(String, String)>,
}

/// TLS to the brokers. Their certificates and host names are always checked. Files are PEM.
#[derive(Debug, Clone, Default)]
pub struct Tls {
    /// Certificates that vouch for those of the brokers; the system's without.
    pub ca: Option<PathBuf>,
    /// What we show the brokers, where they ask.
    pub identity: Option<Identity>,
}

/// Our certificate.
#[derive(Clone)]
pub struct Identity {
    /// The certificate.
    pub certificate: PathBuf,
    /// Its key.
    pub key: PathBuf,
    /// What opens the key.
    pub key_password: Option<String>,
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity").field("certificate", &self.certificate).finish_non_exhaustive()
    }
}

/// Name and password for the brokers.
#[derive(Clone)]
pub struct Sasl {
    /// How the password is shown to be known.
    pub mechanism: SaslMechanism,
    /// The name.
    pub username: String,
    /// The password.
    pub password: String,
}

impl fmt::Debug for Sasl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sasl").field("mechanism", &self.mechanism).finish_non_exhaustive()
    }
}

/// How a password is shown to be known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SaslMechanism {
    /// It is sent.
    Plain,
    /// SCRAM with SHA-256.
    ScramSha256,
    /// SCRAM with SHA-512.
    ScramSha512,
}

impl Connection {
    /// A configuration of these defaults, overridden by the properties. What must not be overridden is to
    /// be set afterwards.
    pub(crate) fn config(&self, defaults: &[(&str, &str)]) -> ClientConfig {
        self.config_of(defaults, |_| true)
    }

    /// The same for who writes.
    pub(crate) fn producer_config(&self, defaults: &[(&str, &str)]) -> ClientConfig {
        let of_consumers = |key: &str| CONSUMERS.iter().any(|start| key.starts_with(start));
        self.config_of(defaults, |key| !of_consumers(key))
    }

    fn config_of(&self, defaults: &[(&str, &str)], takes: impl Fn(&str) -> bool) -> ClientConfig {
        let mut config = ClientConfig::new();
        config.set("client.id", "alluvium");
        for (key, value) in defaults {
            config.set(*key, *value);
        }
        for (key, value) in self.properties.iter().filter(|(key, _)| takes(key)) {
            config.set(key, value);
        }
        config.set("bootstrap.servers", self.brokers.join(","));
        self.secure(&mut config);
        config
    }

    fn secure(&self, config: &mut ClientConfig) {
        let protocol = match (&self.tls, &self.sasl) {
            (None, None) => "plaintext",
            (Some(_), None) => "ssl",
            (None, Some(_)) => "sasl_plaintext",
            (Some(_), Some(_)) => "sasl_ssl",
        };
        config.set("security.protocol", protocol);
        if let Some(Tls { ca, identity }) = &self.tls {
            config.set("enable.ssl.certificate.verification", "true");
            config.set("ssl.endpoint.identification.algorithm", "https");
            set_path(config, "ssl.ca.location", ca.as_ref());
            set_path(config, "ssl.certificate.location", identity.as_ref().map(|own| &own.certificate));
            set_path(config, "ssl.key.location", identity.as_ref().map(|own| &own.key));
            if let Some(password) = identity.as_ref().and_then(|own| own.key_password.as_ref()) {
                config.set("ssl.key.password", password);
            }
        }
        if let Some(Sasl { mechanism, username, password }) = &self.sasl {
            let mechanism = match mechanism {
                SaslMechanism::Plain => "PLAIN",
                SaslMechanism::ScramSha256 => "SCRAM-SHA-256",
                SaslMechanism::ScramSha512 => "SCRAM-SHA-512",
            };
            config.set("sasl.mechanisms", mechanism).set("sasl.username", username);
            config.set("sasl.password", password);
        }
    }
}

fn set_path(config: &mut ClientConfig, key: &str, path: Option<&PathBuf>) {
    if let Some(path) = path {
        config.set(key, path.to_string_lossy());
    }
}
