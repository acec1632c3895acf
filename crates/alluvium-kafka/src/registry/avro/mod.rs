//! Avro → the JSON text that formats read.
//!
//! | Avro | JSON |
//! |---|---|
//! | record, map | an object |
//! | union | the value alone |
//! | enum | its symbol |
//! | bytes, fixed | base64 |
//! | decimal, big-decimal | a text with every digit: `"12.50"` |
//! | uuid | a text |
//! | date, time, timestamp | texts: `"2026-11-20"`, `"10:00:00.5"`, `"2026-11-20T10:00:00Z"` |
//! | local-timestamp | a text without a zone: `"2026-11-20T10:00:00"` |
//! | duration | a text: `"P1M2DT3.004S"` |
//!
//! Schemas are parsed by `apache_avro`; data is read here. That crate's reader takes the end of the bytes for
//! a null, goes as deep as the bytes say, and makes room for as many items of no size as they claim.

mod logical;

use std::io;

use apache_avro::schema::{
    DecimalSchema, InnerDecimalSchema, Name, NamesRef, RecordSchema, ResolvedSchema, UuidSchema,
};
use apache_avro::{Schema, Uuid};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use serde_json::{Value, json};

use super::Trouble;
use super::schema::Reference;

/// How deep data may be. JSON parsers stop at 128 lists and objects; unions and references come on top.
const DEEPEST: usize = 256;

/// What of a schema shapes its data.
const SHAPE: [&str; 11] = [
    "type",
    "name",
    "namespace",
    "fields",
    "items",
    "values",
    "symbols",
    "size",
    "logicalType",
    "precision",
    "scale",
];

pub(super) struct Avro {
    /// A record whose last field is of the schema, and those before it of what it refers to.
    root: Schema,
}

impl Avro {
    pub(super) fn parse(text: &str, references: &[Reference]) -> Result<Self, String> {
        let texts = references.iter().map(|reference| reference.text.as_str()).chain([text]);
        let field = |(i, text): (usize, &str)| {
            let schema: Value = serde_json::from_str(text).map_err(|e| format!("is no JSON: {e}"))?;
            Ok(json!({"name": format!("part{i}"), "type": shape(schema)}))
        };
        let fields = texts.enumerate().map(field).collect::<Result<Vec<Value>, String>>()?;
        let root = Schema::parse(&json!({"type": "record", "name": "alluvium__root", "fields": fields}));
        let root = root.map_err(|e| format!("is no Avro schema: {e}"))?;
        ResolvedSchema::new(&root).map_err(|e| format!("is no Avro schema: {e}"))?;
        Ok(Self { root })
    }

    pub(super) fn json(&self, datum: &[u8], most: u64) -> Result<Vec<u8>, Trouble> {
        let broken = |what: &str| Trouble::Refused(what.to_owned());
        let names = ResolvedSchema::new(&self.root).map_err(|e| broken(&e.to_string()))?;
        let Schema::Record(RecordSchema { fields, .. }) = &self.root else { return Err(broken("no record")) };
        let field = fields.last().ok_or_else(|| broken("no schema"))?;
        let json = Json { bytes: Vec::new(), most };
        let mut walk = Walk { names: names.get_names(), rest: datum, json };
        walk.value(&field.schema, None, DEEPEST)?;
        match walk.rest.len() {
            0 => Ok(walk.json.bytes),
            rest => Err(Trouble::Refused(format!("{rest} bytes are left behind the value"))),
        }
    }
}

/// A schema without its defaults, documentation and the like, which are of no use here.
fn shape(schema: Value) -> Value {
    match schema {
        Value::Object(map) => {
            let of_shape = map.into_iter().filter(|(key, _)| SHAPE.contains(&key.as_str()));
            Value::Object(of_shape.map(|(key, value)| (key, shape(value))).collect())
        }
        Value::Array(items) => Value::Array(items.into_iter().map(shape).collect()),
        plain => plain,
    }
}

/// JSON text of a bounded size.
struct Json {
    bytes: Vec<u8>,
    most: u64,
}

impl io::Write for Json {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if (self.bytes.len() + bytes.len()) as u64 > self.most {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

struct Walk<'d> {
    names: &'d NamesRef<'d>,
    rest: &'d [u8],
    json: Json,
}

type Walked = Result<(), Trouble>;

impl<'d> Walk<'d> {
    fn value(&mut self, schema: &Schema, namespace: Option<&str>, depth: usize) -> Walked {
        let depth = depth.checked_sub(1).ok_or_else(|| wrong("is nested too deeply"))?;
        match schema {
            Schema::Null => self.raw("null"),
            Schema::Boolean => match self.take(1)? {
                [0] => self.raw("false"),
                [1] => self.raw("true"),
                _ => Err(wrong("holds a boolean that is neither 0 nor 1")),
            },
            Schema::Int => self.int().and_then(|number| self.write(&number)),
            Schema::Long => self.long().and_then(|number| self.write(&number)),
            Schema::Float => {
                let number = f32::from_le_bytes(self.array()?);
                if number.is_finite() { self.write(&number) } else { Err(not_finite()) }
            }
            Schema::Double => {
                let number = f64::from_le_bytes(self.array()?);
                if number.is_finite() { self.write(&number) } else { Err(not_finite()) }
            }
            Schema::String | Schema::Uuid(UuidSchema::String) => {
                self.text().and_then(|text| self.write(&text))
            }
            Schema::Bytes => self.bytes().and_then(|bytes| self.write(&STANDARD.encode(bytes))),
            Schema::Fixed(fixed) => {
                self.take(fixed.size).and_then(|bytes| self.write(&STANDARD.encode(bytes)))
            }
            Schema::Enum(symbols) => {
                let symbol = usize::try_from(self.int()?).ok().and_then(|i| symbols.symbols.get(i));
                self.write(symbol.ok_or_else(|| wrong("holds a symbol that its enum lacks"))?)
            }
            Schema::Union(union) => {
                let variant = usize::try_from(self.long()?).ok().and_then(|i| union.variants().get(i));
                self.value(
                    variant.ok_or_else(|| wrong("holds a branch that its union lacks"))?,
                    namespace,
                    depth,
                )
            }
            Schema::Array(array) => {
                self.raw("[")?;
                self.items(|walk| walk.value(&array.items, namespace, depth))?;
                self.raw("]")
            }
            Schema::Map(map) => {
                self.raw("{")?;
                self.items(|walk| {
                    walk.text().and_then(|key| walk.write(&key))?;
                    walk.raw(":")?;
                    walk.value(&map.types, namespace, depth)
                })?;
                self.raw("}")
            }
            Schema::Record(record) => self.record(record, namespace, depth),
            Schema::Ref { name } => self.named(name, namespace, depth),
            logical => self.logical(logical),
        }
    }

    fn record(&mut self, record: &RecordSchema, namespace: Option<&str>, depth: usize) -> Walked {
        let name = record.name.fully_qualified_name(namespace);
        self.raw("{")?;
        for (i, field) in record.fields.iter().enumerate() {
            if i > 0 {
                self.raw(",")?;
            }
            self.write(&field.name)?;
            self.raw(":")?;
            self.value(&field.schema, name.namespace(), depth).map_err(|trouble| match trouble {
                Trouble::Refused(why) => {
                    let joint = if why.contains(": ") { "." } else { ": " };
                    Trouble::Refused(format!("{}{joint}{why}", field.name))
                }
                trouble => trouble,
            })?;
        }
        self.raw("}")
    }

    fn named(&mut self, name: &Name, namespace: Option<&str>, depth: usize) -> Walked {
        let name = name.fully_qualified_name(namespace);
        let schema: Option<&'d Schema> = self.names.get(name.as_ref()).copied();
        self.value(schema.ok_or_else(|| wrong("is of an unknown type"))?, name.namespace(), depth)
    }

    /// Items stand in blocks, the last of which is empty.
    fn items(&mut self, mut item: impl FnMut(&mut Self) -> Walked) -> Walked {
        let mut first = true;
        loop {
            let count = self.long()?;
            if count == 0 {
                return Ok(());
            }
            if count < 0 {
                // The block's size in bytes.
                self.long()?;
            }
            for _ in 0..count.unsigned_abs() {
                if !first {
                    self.raw(",")?;
                }
                first = false;
                item(self)?;
            }
        }
    }

    fn logical(&mut self, schema: &Schema) -> Walked {
        let text = match schema {
            Schema::Decimal(DecimalSchema { scale, inner, .. }) => {
                let digits = match inner {
                    InnerDecimalSchema::Bytes => self.bytes()?,
                    InnerDecimalSchema::Fixed(fixed) => self.take(fixed.size)?,
                };
                i64::try_from(*scale).ok().and_then(|scale| logical::decimal(digits, scale))
            }
            Schema::BigDecimal => {
                let mut inner =
                    Walk { rest: self.bytes()?, json: Json { bytes: Vec::new(), most: 0 }, ..*self };
                let (digits, scale) = (inner.bytes()?, inner.long()?);
                logical::decimal(digits, scale).filter(|_| inner.rest.is_empty())
            }
            Schema::Uuid(UuidSchema::Bytes) => Uuid::from_slice(self.bytes()?).ok().map(|id| id.to_string()),
            Schema::Uuid(_) => Uuid::from_slice(self.take(16)?).ok().map(|id| id.to_string()),
            Schema::Date => logical::date(self.int()?),
            Schema::TimeMillis => logical::time(i128::from(self.int()?) * 1_000_000),
            Schema::TimeMicros => logical::time(i128::from(self.long()?) * 1000),
            Schema::TimestampMillis => logical::timestamp(i128::from(self.long()?) * 1_000_000),
            Schema::TimestampMicros => logical::timestamp(i128::from(self.long()?) * 1000),
            Schema::TimestampNanos => logical::timestamp(self.long()?.into()),
            Schema::LocalTimestampMillis => logical::local(i128::from(self.long()?) * 1_000_000),
            Schema::LocalTimestampMicros => logical::local(i128::from(self.long()?) * 1000),
            Schema::LocalTimestampNanos => logical::local(self.long()?.into()),
            Schema::Duration(_) => Some(logical::duration(self.array()?)),
            _ => None,
        };
        self.write(&text.ok_or_else(|| wrong("holds a decimal, id or time that is out of range"))?)
    }

    fn raw(&mut self, json: &str) -> Walked {
        io::Write::write_all(&mut self.json, json.as_bytes()).map_err(|_| Trouble::TooLarge)
    }

    fn write(&mut self, value: &(impl Serialize + ?Sized)) -> Walked {
        serde_json::to_writer(&mut self.json, value).map_err(|_| Trouble::TooLarge)
    }

    fn take(&mut self, count: usize) -> Result<&'d [u8], Trouble> {
        let (taken, rest) = self.rest.split_at_checked(count).ok_or_else(too_short)?;
        self.rest = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Trouble> {
        let (taken, rest) = self.rest.split_first_chunk().ok_or_else(too_short)?;
        self.rest = rest;
        Ok(*taken)
    }

    /// A zigzag number of variable length.
    fn long(&mut self) -> Result<i64, Trouble> {
        let mut number = 0_u64;
        for shift in (0..64).step_by(7) {
            let [byte] = self.array()?;
            let part = u64::from(byte & 0x7f);
            // The tenth byte has room for one bit.
            if shift == 63 && part > 1 {
                break;
            }
            number |= part << shift;
            if byte & 0x80 == 0 {
                return Ok((number >> 1).cast_signed() ^ -((number & 1).cast_signed()));
            }
        }
        Err(wrong("holds a number that is too large"))
    }

    fn int(&mut self) -> Result<i32, Trouble> {
        i32::try_from(self.long()?).map_err(|_| wrong("holds a number that is too large"))
    }

    fn bytes(&mut self) -> Result<&'d [u8], Trouble> {
        let length = usize::try_from(self.long()?).map_err(|_| too_short())?;
        self.take(length)
    }

    fn text(&mut self) -> Result<&'d str, Trouble> {
        std::str::from_utf8(self.bytes()?).map_err(|_| wrong("holds a text that is not UTF-8"))
    }
}

fn wrong(what: &str) -> Trouble {
    Trouble::Refused(what.to_owned())
}

fn too_short() -> Trouble {
    wrong("ends in the middle of the value")
}

fn not_finite() -> Trouble {
    wrong("holds a number that is not finite")
}

#[cfg(test)]
mod tests;
