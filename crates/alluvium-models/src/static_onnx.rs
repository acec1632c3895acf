//! A static embedding model (model2vec) as ONNX, so that it runs like every other model.
//!
//! model2vec looks up a vector for each token, drops unknown ones, and takes the mean. The graph is
//! `last_hidden_state = Gather(table, input_ids) * mask`; whoever runs it pools by mean and
//! normalizes. Two things make the result equal to model2vec's:
//!
//! - rows of special tokens, the unknown one among them, are zero: after normalization a sum with
//!   zeros points where the sum without them does;
//! - the tokenizer loses its post-processor. It inserts BERT's ids 101 and 102, which in the trimmed
//!   vocabulary of such a model are ordinary words.
//!
//! The output is the same bytes on every machine, so that its hash can be pinned. The table is the
//! last field of every message around it: all lengths are known before it, and it is streamed.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::Path;

use serde_json::Value;

use crate::error::ModelError;
use crate::protobuf::Message;
use crate::safetensors::Table;

/// The tensor that model2vec writes.
const TENSOR: &str = "embeddings";

/// Turns a model2vec folder into one that a runtime loads: adds `model.onnx`, rewrites
/// `tokenizer.json`, and removes `model.safetensors`.
pub(crate) fn convert(folder: &Path) -> Result<(), ModelError> {
    let weights_path = folder.join("model.safetensors");
    let tokenizer_path = folder.join("tokenizer.json");
    let bad = |file: &Path| {
        let file = file.to_path_buf();
        move |why: String| ModelError::Convert { file, why }
    };

    let tokenizer = fs::read(&tokenizer_path).map_err(ModelError::io("read", &tokenizer_path))?;
    let mut tokenizer: Value =
        serde_json::from_slice(&tokenizer).map_err(|e| bad(&tokenizer_path)(e.to_string()))?;
    let special = special_tokens(&tokenizer).map_err(bad(&tokenizer_path))?;

    let weights = fs::read(&weights_path).map_err(ModelError::io("read", &weights_path))?;
    let table = Table::parse(&weights, TENSOR).map_err(bad(&weights_path))?;
    let model_path = folder.join("model.onnx");
    write_file(&model_path, |out| write_model(&table, &special, out))?;

    if let Some(tokenizer) = tokenizer.as_object_mut() {
        tokenizer.insert("post_processor".to_owned(), Value::Null);
    }
    write_file(&tokenizer_path, |out| Ok(serde_json::to_writer(out, &tokenizer)?))?;
    fs::remove_file(&weights_path).map_err(ModelError::io("remove", &weights_path))
}

fn write_file(
    path: &Path,
    write: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>,
) -> Result<(), ModelError> {
    let file = File::create(path).map_err(ModelError::io("create", path))?;
    let mut out = BufWriter::new(file);
    write(&mut out)
        .and_then(|()| out.into_inner().map_err(io::IntoInnerError::into_error))
        .and_then(|file| file.sync_all())
        .map_err(ModelError::io("write", path))
}

/// The ids of the tokenizer's added tokens: padding, unknown, and what BERT puts around a text.
fn special_tokens(tokenizer: &Value) -> Result<HashSet<usize>, String> {
    let tokens =
        tokenizer.get("added_tokens").and_then(Value::as_array).ok_or("it has no list `added_tokens`")?;
    tokens
        .iter()
        .map(|token| token.get("id").and_then(Value::as_u64).and_then(|id| id.try_into().ok()))
        .collect::<Option<_>>()
        .ok_or_else(|| "an added token has no id".to_owned())
}

/// Writes the model: everything around the table, then the table.
fn write_model(table: &Table<'_>, special: &HashSet<usize>, out: &mut impl Write) -> io::Result<()> {
    out.write_all(head(table.rows() as u64, table.columns() as u64).as_bytes())?;
    let zeros = vec![0_u8; table.columns() * size_of::<f32>()];
    for (id, row) in table.f32_rows().enumerate() {
        out.write_all(if special.contains(&id) { &zeros } else { &row })?;
    }
    Ok(())
}

// Numbers from the ONNX format: tensor element types, and the type tag of a whole-number attribute.
const FLOAT: u64 = 1;
const INT64: u64 = 7;
const ATTRIBUTE_INT: u64 = 2;

/// Operator set and file version that every runtime since 2022 reads.
const OPSET: u64 = 17;
const IR_VERSION: u64 = 8;

/// All of `ModelProto` up to the bytes of the table.
fn head(rows: u64, columns: u64) -> Message {
    let table_bytes = rows * columns * size_of::<f32>() as u64;
    // TensorProto: dims 1, data_type 2, name 8, raw_data 9.
    let tensor = Message::default()
        .number(1, rows)
        .number(1, columns)
        .number(2, FLOAT)
        .bytes(8, "table")
        .prefix(9, table_bytes);
    // GraphProto: node 1, name 2, initializer 5, input 11, output 12.
    let graph = Message::default()
        .message(1, &node("Gather", &["table", "input_ids"], "vectors", Some(("axis", 0))))
        .message(1, &node("Unsqueeze", &["attention_mask", "last_axis"], "mask_column", None))
        .message(1, &node("Cast", &["mask_column"], "mask", Some(("to", FLOAT))))
        .message(1, &node("Mul", &["vectors", "mask"], "last_hidden_state", None))
        .bytes(2, "static_embedding")
        .message(11, &value("input_ids", INT64, None))
        .message(11, &value("attention_mask", INT64, None))
        .message(12, &value("last_hidden_state", FLOAT, Some(columns)))
        .message(5, &last_axis())
        .prefix(5, tensor.len() + table_bytes)
        .append(&tensor);
    // ModelProto: ir_version 1, producer_name 2, graph 7, opset_import 8 (its version is 2).
    Message::default()
        .number(1, IR_VERSION)
        .bytes(2, "alluvium")
        .message(8, &Message::default().bytes(1, "").number(2, OPSET))
        .prefix(7, graph.len() + table_bytes)
        .append(&graph)
}

/// `NodeProto`: input 1, output 2, name 3, op_type 4, attribute 5.
fn node(operator: &str, inputs: &[&str], output: &str, attribute: Option<(&str, u64)>) -> Message {
    let mut node = Message::default();
    for input in inputs {
        node = node.bytes(1, input);
    }
    node = node.bytes(2, output).bytes(3, output).bytes(4, operator);
    match attribute {
        // AttributeProto: name 1, i 3, type 20.
        Some((name, number)) => {
            node.message(5, &Message::default().bytes(1, name).number(3, number).number(20, ATTRIBUTE_INT))
        }
        None => node,
    }
}

/// `ValueInfoProto` of a tensor `[batch_size, sequence_length]` or, with columns, one more axis.
fn value(name: &str, element: u64, columns: Option<u64>) -> Message {
    // TensorShapeProto: dim 1. Dimension: dim_value 1, dim_param 2.
    let mut shape = Message::default()
        .message(1, &Message::default().bytes(2, "batch_size"))
        .message(1, &Message::default().bytes(2, "sequence_length"));
    if let Some(columns) = columns {
        shape = shape.message(1, &Message::default().number(1, columns));
    }
    // TypeProto: tensor_type 1. Its elem_type 1, shape 2. ValueInfoProto: name 1, type 2.
    let tensor = Message::default().number(1, element).message(2, &shape);
    Message::default().bytes(1, name).message(2, &Message::default().message(1, &tensor))
}

/// The constant `[2]`: the axis that `Unsqueeze` adds to the mask.
fn last_axis() -> Message {
    Message::default().number(1, 1).number(2, INT64).bytes(8, "last_axis").bytes(9, 2_i64.to_le_bytes())
}

#[cfg(test)]
mod tests;
