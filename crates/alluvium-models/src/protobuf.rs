//! Just enough of protobuf's wire format to write a message.
//!
//! Fields are written in the order of the calls, and nothing is written that was not asked for, so
//! that the same calls always give the same bytes.

/// A message under construction.
#[derive(Debug, Default)]
pub(crate) struct Message {
    bytes: Vec<u8>,
}

/// Wire types of the format.
const VARINT: u64 = 0;
const LENGTH_DELIMITED: u64 = 2;

impl Message {
    /// A field with a whole number.
    pub(crate) fn number(mut self, field: u64, value: u64) -> Self {
        self.varint(field << 3 | VARINT);
        self.varint(value);
        self
    }

    /// A field with text or bytes.
    pub(crate) fn bytes(mut self, field: u64, value: impl AsRef<[u8]>) -> Self {
        let value = value.as_ref();
        self = self.prefix(field, value.len() as u64);
        self.bytes.extend_from_slice(value);
        self
    }

    /// A field with a message.
    pub(crate) fn message(self, field: u64, value: &Self) -> Self {
        self.bytes(field, &value.bytes)
    }

    /// The head of a field whose `length` bytes the caller appends after everything else.
    pub(crate) fn prefix(mut self, field: u64, length: u64) -> Self {
        self.varint(field << 3 | LENGTH_DELIMITED);
        self.varint(length);
        self
    }

    /// All bytes written so far, into the message around it.
    pub(crate) fn append(mut self, other: &Self) -> Self {
        self.bytes.extend_from_slice(&other.bytes);
        self
    }

    /// How many bytes have been written.
    pub(crate) fn len(&self) -> u64 {
        self.bytes.len() as u64
    }

    /// The bytes.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.bytes.push((value & 0x7f) as u8 | 0x80);
            value >>= 7;
        }
        self.bytes.push(value as u8);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The examples of the format's own documentation.
    #[test]
    fn writes_what_the_format_says() {
        let number = Message::default().number(1, 150);
        assert_eq!(number.as_bytes(), [0x08, 0x96, 0x01]);
        let text = Message::default().bytes(2, "testing");
        assert_eq!(text.as_bytes(), b"\x12\x07testing");
        let nested = Message::default().message(3, &number);
        assert_eq!(nested.as_bytes(), [0x1a, 0x03, 0x08, 0x96, 0x01]);
        let prefixed = Message::default().prefix(3, 3).append(&number);
        assert_eq!(prefixed.as_bytes(), nested.as_bytes());
    }
}
