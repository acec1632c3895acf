//! Stores that misbehave. What a store does as it should is tested against a real one, in `tests/bucket`.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::*;

const LISTING: &str = "<ListBucketResult><Name>b</Name><IsTruncated>false</IsTruncated></ListBucketResult>";

/// A store that gives each request line an answer, and remembers the lines.
struct Double {
    endpoint: String,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Double {
    /// `answer` is given `GET` and the like with the path, and gives a head and a body.
    fn start(answer: impl Fn(&str) -> String + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let heard = Arc::clone(&asked);
        std::thread::spawn(move || {
            for connection in listener.incoming() {
                let mut connection = connection.unwrap();
                let mut lines = BufReader::new(connection.try_clone().unwrap()).lines();
                let Some(Ok(line)) = lines.next() else { continue };
                while lines.next().is_some_and(|line| line.is_ok_and(|line| !line.is_empty())) {}
                heard.lock().unwrap().push(line.clone());
                // Who asked may have heard enough.
                let _ = connection.write_all(answer(&line).as_bytes());
            }
        });
        Self { endpoint, asked }
    }

    fn asked(&self) -> Vec<String> {
        std::mem::take(&mut *self.asked.lock().unwrap())
    }

    fn spec(&self) -> BucketSpec {
        BucketSpec {
            bucket: "b".to_owned(),
            prefix: None,
            endpoint: Some(self.endpoint.clone()),
            region: None,
            access_key: Some(AccessKey {
                id: "me".to_owned(),
                secret: "hunter2".to_owned(),
                session_token: Some("hunter3".to_owned()),
            }),
        }
    }

    fn buckets(&self, patience: Patience) -> Buckets {
        Buckets::new(vec![self.spec()], patience).unwrap()
    }
}

fn answer(status: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

fn is_listing(line: &str) -> bool {
    line.contains("list-type=2")
}

#[track_caller]
fn away(read: Result<Vec<u8>, Unread>) -> String {
    let Err(Unread::Away(why)) = read else { panic!("{read:?}") };
    why
}

#[track_caller]
fn refused(read: Result<Vec<u8>, Unread>) -> (Cause, String) {
    let Err(Unread::Refused(refusal)) = read else { panic!("{read:?}") };
    (refusal.cause, refusal.detail)
}

#[test]
fn redirects_lead_nowhere() {
    for status in ["301", "302", "303", "307", "308"] {
        for listing in [false, true] {
            let other = Double::start(|_| answer("200 OK", "stolen"));
            let to = other.endpoint.clone();
            let store = Double::start(move |line| match is_listing(line) && listing {
                true => answer("200 OK", LISTING),
                false => answer(&format!("{status} Moved\r\nLocation: {to}/b/a"), ""),
            });
            let read = store.buckets(Patience::Once).read("s3://b/a", 10);
            let said = if listing { refused(read).1 } else { away(read) };
            assert!(said.contains(&format!("{status}, a redirect, which is not followed")), "{said}");
            assert_eq!((other.asked(), store.asked().len()), (vec![], 2));
        }
    }
}

#[test]
fn a_store_that_is_overwhelmed_is_left_alone() {
    let store = Double::start(|_| answer("503 Slow Down", "<Error><Code>SlowDown</Code></Error>"));
    let buckets = store.buckets(Patience::Once);
    let said = away(buckets.read("s3://b/a", 10));
    assert!(said.contains("the bucket b at http://127.0.0.1"), "{said}");
    assert!(said.contains("503 Service Unavailable: SlowDown"), "{said}");
    assert_eq!(store.asked().len(), 5, "the object with three quick retries, and the bucket");
    away(buckets.read("s3://b/a", 10));
    let asked = store.asked();
    assert!(asked.len() == 1 && is_listing(&asked[0]), "{asked:?}");
}

#[test]
fn an_object_that_alone_fails_is_refused_after_some_attempts() {
    let store = Double::start(|line| match line {
        line if is_listing(line) => answer("200 OK", LISTING),
        line if line.contains("/b/bad") => answer("500 Internal Server Error", ""),
        _ => answer("200 OK", "good"),
    });
    let buckets = store.buckets(Patience::Following);
    for times in 1..=4 {
        let said = away(buckets.read("s3://b/bad", 10));
        assert!(said.contains("\"bad\" of the bucket b at http://127.0.0.1"), "{said}");
        assert!(said.contains(&format!("(attempt {times}), though its store answers")), "{said}");
        assert_eq!(buckets.read("s3://b/other", 10).unwrap(), b"good");
    }
    let (cause, said) = refused(buckets.read("s3://b/bad", 10));
    assert!(cause == Cause::Unreadable && said.contains("500 Internal Server Error"), "{said}");
}

#[test]
fn what_a_store_says_of_our_key_is_not_said_again() {
    let store = Double::start(|_| {
        let quoted = "x-amz-security-token:hunter3";
        answer("403 Forbidden", &format!("<Error><Code>SignatureDoesNotMatch</Code>{quoted}</Error>"))
    });
    let said = away(store.buckets(Patience::Following).read("s3://b/a", 10));
    assert!(said.contains("403 Forbidden: SignatureDoesNotMatch") && !said.contains("hunter"), "{said}");
    let shown = format!("{:?}", store.spec());
    assert!(!shown.contains("hunter"), "{shown}");
}

#[test]
fn lengths_are_not_believed() {
    let long = |line: &str| match is_listing(line) {
        true => answer("200 OK", LISTING),
        false => "HTTP/1.1 200 OK\r\nContent-Length: 1000000000000000\r\n\r\nx".to_owned(),
    };
    let store = Double::start(long);
    let (cause, said) = refused(store.buckets(Patience::Once).read("s3://b/a", 10));
    assert!(cause == Cause::TooLarge && said.contains("1000000000000000 bytes"), "{said}");
    // The answer to the probe is as long, and neither that nor a short one is an end.
    let store = Double::start(|line| match is_listing(line) {
        true => "HTTP/1.1 200 OK\r\nContent-Length: 1000000000000000\r\n\r\nxy".to_owned(),
        false => answer("400 Bad Request", ""),
    });
    away(store.buckets(Patience::Once).read("s3://b/a", 10));
}

#[test]
fn a_store_that_says_nothing_is_not_waited_for_long() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let spec = BucketSpec {
        bucket: "b".to_owned(),
        prefix: None,
        endpoint: Some(format!("http://{}", listener.local_addr().unwrap())),
        region: None,
        access_key: None,
    };
    let limits = Limits { silence: Duration::from_millis(50), ..Limits::default() };
    let mut store = Store::new(&spec, Patience::Once, limits).unwrap();
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let said = away(runtime.block_on(store.read("a", 10)));
    assert!(said.contains("timed out"), "{said}");
}
