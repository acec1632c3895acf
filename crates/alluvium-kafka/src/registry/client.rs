//! Questions to a registry.
//!
//! `schema_registry_converter` has the frame and the shapes of the answers. The questions are asked here:
//! its own client reads answers of any size, and takes most trouble of a registry for its last word.

use std::error::Error as _;
use std::time::Duration;

use reqwest::header::{ACCEPT, CONTENT_TYPE};
use reqwest::{Certificate, RequestBuilder, Response, StatusCode, Url, redirect};
use schema_registry_converter::schema_registry_common::{RawError, RawRegisteredSchema};
use tokio::runtime::{Builder, Runtime};

use super::{SchemaRegistrySpec, Trouble};

/// How long an answer may take.
const ANSWER: Duration = Duration::from_secs(5);
const CONNECT: Duration = Duration::from_secs(3);
/// The most bytes of an answer: a schema is in it as a JSON string.
const LARGEST: usize = 4 << 20;
const MEDIA_TYPES: &str = "application/vnd.schemaregistry.v1+json, application/json";

pub(super) struct Client {
    spec: SchemaRegistrySpec,
    urls: Vec<Url>,
    /// Made with the first question: no runtime can end within another, where a source is made.
    connected: Option<Connected>,
}

struct Connected {
    http: reqwest::Client,
    runtime: Runtime,
}

impl Client {
    pub(super) fn new(spec: SchemaRegistrySpec) -> Result<Self, String> {
        let parse = |url: &String| match Url::parse(url) {
            Ok(parsed) if !parsed.cannot_be_a_base() => Ok(parsed),
            _ => Err("the schema registry's URL is none".to_owned()),
        };
        let urls = spec.urls.iter().map(parse).collect::<Result<_, _>>()?;
        Ok(Self { spec, urls, connected: None })
    }

    /// The answer of the first that answers. Blocks; must not be called on a thread of a runtime.
    pub(super) fn ask(&mut self, path: &[&str]) -> Result<RawRegisteredSchema, Trouble> {
        if self.connected.is_none() {
            self.connected = Some(connect(&self.spec).map_err(Trouble::Away)?);
        }
        let Some(Connected { http, runtime }) = &self.connected else {
            return Err(Trouble::Away("no client".to_owned()));
        };
        let mut away = Vec::new();
        for url in &self.urls {
            let mut question = http.get(extended(url, path)).header(ACCEPT, MEDIA_TYPES);
            if let Some(credentials) = &self.spec.credentials {
                question = question.basic_auth(&credentials.username, Some(&credentials.password));
            }
            match runtime.block_on(answer(question)) {
                Err(Trouble::Away(why)) => away.push(format!("the schema registry at {url} {why}")),
                answered => return answered,
            }
        }
        Err(Trouble::Away(away.join("; ")))
    }
}

fn extended(url: &Url, path: &[&str]) -> Url {
    let mut url = url.clone();
    if let Ok(mut segments) = url.path_segments_mut() {
        segments.pop_if_empty().extend(path);
    }
    // What was deleted softly was written with, too.
    url.set_query(Some("deleted=true"));
    url
}

/// A client that goes nowhere but to the registry.
fn connect(spec: &SchemaRegistrySpec) -> Result<Connected, String> {
    let mut http = reqwest::Client::builder()
        .redirect(redirect::Policy::none())
        .no_proxy()
        .timeout(ANSWER)
        .connect_timeout(CONNECT)
        // Between two questions nobody would hear that a connection has ended.
        .pool_max_idle_per_host(0);
    if let Some(ca) = &spec.ca {
        let pem = std::fs::read(ca).map_err(|e| e.to_string());
        let certificates = pem.and_then(|pem| Certificate::from_pem_bundle(&pem).map_err(|e| e.to_string()));
        let certificates = certificates.map_err(|e| format!("the registry's ca {}: {e}", ca.display()))?;
        if certificates.is_empty() {
            return Err(format!("the registry's ca {} holds no certificate", ca.display()));
        }
        http = http.tls_certs_only(certificates);
    }
    let http = http.build().map_err(|e| cause(&e))?;
    let runtime = Builder::new_current_thread().enable_all().build().map_err(|e| e.to_string())?;
    Ok(Connected { http, runtime })
}

async fn answer(question: RequestBuilder) -> Result<RawRegisteredSchema, Trouble> {
    let away = |why: &str| Trouble::Away(why.to_owned());
    let mut response =
        question.send().await.map_err(|e| Trouble::Away(format!("can't be reached: {}", cause(&e))))?;
    let status = response.status();
    let is_json = is_json(&response);
    let body = body(&mut response).await?;
    match status {
        StatusCode::OK if !is_json => Err(away("answers something else than JSON")),
        StatusCode::OK => match body {
            None => Err(Trouble::Refused(format!("comes in an answer of more than {LARGEST} bytes"))),
            Some(body) => {
                let schema: Option<RawRegisteredSchema> = serde_json::from_slice(&body).ok();
                let schema = schema.filter(|answer| answer.schema.is_some());
                schema.ok_or_else(|| away("answers something else than a schema"))
            }
        },
        StatusCode::NOT_FOUND => match body.and_then(|body| serde_json::from_slice(&body).ok()) {
            // Only a registry has these codes: another server at a wrong URL knows no schema at all.
            Some(RawError { error_code, .. }) if error_code / 100 == 404 => {
                Err(Trouble::Refused(format!("is not known to the registry ({error_code})")))
            }
            _ => Err(away("answers 404 Not Found, and not as a schema registry does: is its URL right?")),
        },
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
            Err(Trouble::Away(format!("answers {status}: it does not take our name and password")))
        }
        status if status.is_redirection() => {
            Err(Trouble::Away(format!("answers {status}; redirects are not followed")))
        }
        status => Err(Trouble::Away(format!("answers {status}"))),
    }
}

fn is_json(response: &Response) -> bool {
    let media_type = response.headers().get(CONTENT_TYPE).and_then(|media_type| media_type.to_str().ok());
    media_type.is_some_and(|media_type| media_type.to_ascii_lowercase().contains("json"))
}

/// `None` where it is too large.
async fn body(response: &mut Response) -> Result<Option<Vec<u8>>, Trouble> {
    let mut body = Vec::new();
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) if body.len() + chunk.len() > LARGEST => return Ok(None),
            Ok(Some(chunk)) => body.extend_from_slice(&chunk),
            Ok(None) => return Ok(Some(body)),
            Err(error) => return Err(Trouble::Away(format!("breaks off: {}", cause(&error)))),
        }
    }
}

/// What went wrong at the bottom; above it stands only that something did.
fn cause(error: &reqwest::Error) -> String {
    let mut cause = error.source();
    while let Some(deeper) = cause.and_then(std::error::Error::source) {
        cause = Some(deeper);
    }
    cause.map_or_else(|| error.to_string(), ToString::to_string)
}
