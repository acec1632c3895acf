//! Who the brokers must be (TLS), and who we are to them (a certificate, or SASL).

use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::error::{ConfigError, Problem};
use crate::reader::{Reader, Text};
use crate::secret::secret;
use crate::source::local_path;
use crate::value::Value;

const TLS: &[&str] = &["ca", "certificate", "key", "key_password"];
const SASL: &[&str] = &["mechanism", "username", "password"];

const CA: &str = "a file of certificates (PEM) that vouch for those of the brokers";
const CERTIFICATE: &str = "a file with our certificate (PEM)";
const KEY: &str = "a file with the key of our certificate (PEM)";
const MECHANISM: &str = "\"plain\", \"scram-sha-256\" or \"scram-sha-512\"";
const USERNAME: &str = "the name that the brokers know us by";
const SECRET: &str = "an environment variable that holds the secret, such as \"${KAFKA_PASSWORD}\"";

/// TLS to the brokers. Their certificates and host names are always checked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TlsSettings {
    /// Certificates that vouch for those of the brokers; the system's without.
    pub ca: Option<Value<PathBuf>>,
    /// What we show the brokers, where they ask.
    pub identity: Option<IdentitySettings>,
}

/// Our certificate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct IdentitySettings {
    /// The certificate.
    pub certificate: Value<PathBuf>,
    /// Its key.
    pub key: Value<PathBuf>,
    /// What opens the key.
    pub key_password: Option<Value<String>>,
}

/// Name and password for the brokers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SaslSettings {
    /// How the password is shown to be known.
    pub mechanism: SaslMechanism,
    /// The name.
    pub username: Value<String>,
    /// The password.
    pub password: Value<String>,
}

/// How a password is shown to be known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum SaslMechanism {
    /// It is sent; only over TLS.
    Plain,
    /// SCRAM with SHA-256.
    #[serde(rename = "scram-sha-256")]
    ScramSha256,
    /// SCRAM with SHA-512.
    #[serde(rename = "scram-sha-512")]
    ScramSha512,
}

pub(super) fn parse_tls(reader: &Reader<'_>, folder: &Path) -> Result<Option<TlsSettings>, ConfigError> {
    let Some(table) = reader.table("tls")? else { return Ok(None) };
    let path = reader.path_of("tls");
    let tls = Reader::new(reader.context(), &path, table);
    tls.check_keys(TLS)?;
    let file = |text: Text<'_>| text.parse(|file| local_path(file, folder));
    let certificate = tls.text("certificate", CERTIFICATE)?.map(file).transpose()?;
    let key = tls.text("key", KEY)?.map(file).transpose()?;
    let key_password = secret(&tls, "key_password", SECRET)?;
    let identity = match (certificate, key, key_password) {
        (Some(certificate), Some(key), key_password) => {
            Some(IdentitySettings { certificate, key, key_password })
        }
        (None, None, None) => None,
        (None, _, _) => return Err(tls.missing("certificate", CERTIFICATE)),
        (_, None, _) => return Err(tls.missing("key", KEY)),
    };
    Ok(Some(TlsSettings { ca: tls.text("ca", CA)?.map(file).transpose()?, identity }))
}

pub(super) fn parse_sasl(reader: &Reader<'_>, tls: bool) -> Result<Option<SaslSettings>, ConfigError> {
    let Some(table) = reader.table("sasl")? else { return Ok(None) };
    let path = reader.path_of("sasl");
    let sasl = Reader::new(reader.context(), &path, table);
    sasl.check_keys(SASL)?;
    let mechanisms = [
        ("plain", SaslMechanism::Plain),
        ("scram-sha-256", SaslMechanism::ScramSha256),
        ("scram-sha-512", SaslMechanism::ScramSha512),
    ];
    let mechanism = sasl.required("mechanism", MECHANISM)?.word(&mechanisms)?;
    if mechanism == SaslMechanism::Plain && !tls {
        let expected = "another mechanism, or [source.tls], without which this one sends the password openly";
        let (expected, found) = (expected.to_owned(), "\"plain\"".to_owned());
        return Err(sasl.error("mechanism", Problem::Wrong { expected, found, nearest: None }));
    }
    let username = parse_username(sasl.required("username", USERNAME)?)?;
    let password = secret(&sasl, "password", SECRET)?.ok_or_else(|| sasl.missing("password", SECRET))?;
    Ok(Some(SaslSettings { mechanism, username, password }))
}

pub(super) fn parse_username(text: Text<'_>) -> Result<Value<String>, ConfigError> {
    text.parse(|name| match name {
        "" => Err("is empty".into()),
        name if name.chars().any(char::is_control) => Err("holds a control character".into()),
        name => Ok(name.to_owned()),
    })
}
