//! The headers of a message.

use std::panic::{AssertUnwindSafe, catch_unwind};

use rdkafka::message::Headers;

/// The names and values of headers; one without a value is none. `None` where a name is not UTF-8: rdkafka
/// panics at it, and gives no other way to it.
pub(crate) fn headers(headers: Option<&impl Headers>) -> Option<Vec<(&str, &[u8])>> {
    let Some(headers) = headers else { return Some(Vec::new()) };
    let read = || headers.iter().filter_map(|header| Some((header.key, header.value?))).collect();
    catch_unwind(AssertUnwindSafe(read)).ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::panic)]
    use rdkafka::message::{Header, OwnedHeaders};

    use super::*;

    #[test]
    fn headers_have_names_and_values() {
        assert_eq!(headers(None::<&OwnedHeaders>), Some(Vec::new()));
        let header = |key, value: Option<&'static str>| Header { key, value };
        let all = OwnedHeaders::new().insert(header("a", Some("1"))).insert(header("none", None));
        let all = all.insert(header("a", Some("")));
        assert_eq!(headers(Some(&all)), Some(vec![("a", &b"1"[..]), ("a", b"")]));
    }

    /// As `BorrowedHeaders` are where the name is not UTF-8.
    struct Panicking;

    impl Headers for Panicking {
        fn count(&self) -> usize {
            1
        }

        fn try_get(&self, _: usize) -> Option<Header<'_, &[u8]>> {
            panic!("Utf8Error");
        }
    }

    #[test]
    fn a_name_that_cannot_be_read_costs_the_headers_alone() {
        assert_eq!(headers(Some(&Panicking)), None);
    }
}
