//! How a store is spoken to: under limits, without redirects, and without its errors' texts, which quote
//! what was sent.

use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use futures::StreamExt;
use object_store::ClientOptions;
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpResponseBody,
    HttpService,
};
use reqwest::redirect::Policy;

/// The most that is read of an answer that is no object.
const MOST: usize = 1 << 20;

/// The longest that anything may take.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// Until a connection stands.
    pub(super) connect: Duration,
    /// Without a byte.
    pub(super) silence: Duration,
    /// From a request to the last byte of its answer.
    pub(super) whole: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        let [connect, silence, whole] = [5, 10, 120].map(Duration::from_secs);
        Self { connect, silence, whole }
    }
}

/// The status of the last answer; 0 where there was none. One request at a time is on its way.
#[derive(Debug, Clone, Default)]
pub(super) struct LastStatus(Arc<AtomicU16>);

impl LastStatus {
    pub(super) fn get(&self) -> u16 {
        self.0.load(Ordering::Relaxed)
    }

    fn set(&self, status: u16) {
        self.0.store(status, Ordering::Relaxed);
    }
}

/// A client for one store, which goes to no other host.
#[derive(Debug, Clone)]
pub(super) struct Http {
    client: reqwest::Client,
    last: LastStatus,
}

impl Http {
    /// `in_the_clear` without TLS; then no proxy of the environment gets to see it either.
    pub(super) fn new(in_the_clear: bool, limits: Limits, last: LastStatus) -> reqwest::Result<Self> {
        let mut client = reqwest::Client::builder()
            .user_agent(concat!("alluvium/", env!("CARGO_PKG_VERSION")))
            .redirect(Policy::none())
            .https_only(!in_the_clear)
            .connect_timeout(limits.connect)
            .read_timeout(limits.silence)
            .timeout(limits.whole)
            .http1_only();
        if in_the_clear {
            client = client.no_proxy();
        }
        // An object's length is that of its bytes as they are stored.
        let client = client.no_gzip().no_brotli().no_zstd().no_deflate();
        Ok(Self { client: client.build()?, last })
    }
}

impl HttpConnector for Http {
    fn connect(&self, _: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(self.clone()))
    }
}

#[async_trait]
impl HttpService for Http {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let is_listing = request.uri().query().is_some();
        self.last.set(0);
        let answer = HttpService::call(&self.client, request).await?;
        let status = answer.status();
        self.last.set(status.as_u16());
        if status.is_redirection() {
            return Err(HttpError::new(HttpErrorKind::Unknown, Redirected(status.as_u16())));
        }
        if status.is_success() && !is_listing {
            return Ok(answer);
        }
        let (parts, body) = answer.into_parts();
        let body = start_of(body).await?;
        let body = if status.is_success() { body } else { code(&body).into() };
        Ok(HttpResponse::from_parts(parts, body.into()))
    }
}

/// A redirect, which is not followed: only the declared store is asked.
#[derive(Debug, thiserror::Error)]
#[error("the store answers {0}, a redirect, which is not followed; see to `endpoint` and `region`")]
struct Redirected(u16);

async fn start_of(body: HttpResponseBody) -> Result<Vec<u8>, HttpError> {
    let mut parts = body.bytes_stream();
    let mut start = Vec::new();
    while let Some(part) = parts.next().await {
        let part = part?;
        let room = MOST - start.len();
        start.extend_from_slice(part.get(..room).unwrap_or(&part));
        if start.len() == MOST {
            break;
        }
    }
    Ok(start)
}

/// The word for an error in what S3 says of it. The rest may quote the request, and so our token.
fn code(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let code = text.split_once("<Code>").and_then(|(_, rest)| rest.split_once("</Code>"));
    let code = code.map(|(code, _)| code).filter(|code| code.chars().all(|c| c.is_ascii_alphanumeric()));
    code.filter(|code| code.len() <= 64).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_code_of_an_error_is_kept() {
        let error = b"<Error><Code>AccessDenied</Code><Message>hunter2</Message></Error>";
        assert_eq!(code(error), "AccessDenied");
        for other in ["", "<Code>", "<Code>a b</Code>", "hunter2", "<Code>hunter2\n</Code>"] {
            assert_eq!(code(other.as_bytes()), "");
        }
    }
}
