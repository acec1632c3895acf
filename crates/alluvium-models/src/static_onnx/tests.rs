//! The conversion of a tiny model, byte for byte.

use super::*;
use crate::hash::sha256_file;

/// Three tokens of two numbers; the second is a special one.
fn tiny_model(tokenizer: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let header = r#"{"embeddings":{"dtype":"F32","shape":[3,2],"data_offsets":[0,24]}}"#;
    let numbers = [1.0_f32, 2.0, 3.0, 4.0, 5.0, 6.0];
    let data: Vec<u8> = numbers.iter().flat_map(|n| n.to_le_bytes()).collect();
    let length = (header.len() as u64).to_le_bytes();
    let file = [&length, header.as_bytes(), &data].concat();
    fs::write(folder.path().join("model.safetensors"), file).unwrap();
    fs::write(folder.path().join("tokenizer.json"), tokenizer).unwrap();
    folder
}

const TOKENIZER: &str = r#"{
    "version": "1.0", "added_tokens": [{"id": 1, "content": "[UNK]"}],
    "post_processor": {"type": "TemplateProcessing"}, "model": {"vocab": {"b": 2, "a": 0}}
}"#;

#[test]
fn the_same_bytes_everywhere() {
    let folder = tiny_model(TOKENIZER);
    convert(folder.path()).unwrap();
    assert_eq!(
        sha256_file(&folder.path().join("model.onnx")).unwrap(),
        "db1f0edf679e8d55305cfd5d505ee2734f65e29a626f073a8e84c523c3b0d7c6"
    );
    let tokenizer = fs::read_to_string(folder.path().join("tokenizer.json")).unwrap();
    assert_eq!(
        tokenizer,
        r#"{"version":"1.0","added_tokens":[{"id":1,"content":"[UNK]"}],"post_processor":null,"model":{"vocab":{"b":2,"a":0}}}"#
    );
    assert!(!folder.path().join("model.safetensors").exists());
}

#[test]
fn rows_of_special_tokens_are_zero_and_the_table_ends_the_file() {
    let folder = tiny_model(TOKENIZER);
    convert(folder.path()).unwrap();
    let model = fs::read(folder.path().join("model.onnx")).unwrap();
    let table: Vec<u8> = [1.0_f32, 2.0, 0.0, 0.0, 5.0, 6.0].iter().flat_map(|n| n.to_le_bytes()).collect();
    assert!(model.ends_with(&table));
}

#[test]
fn a_tokenizer_without_ids_is_an_error_that_names_it() {
    for tokenizer in ["{}", r#"{"added_tokens": [{}]}"#, "no json"] {
        let folder = tiny_model(tokenizer);
        let error = convert(folder.path()).unwrap_err();
        assert!(error.path().unwrap().ends_with("tokenizer.json"), "{error}");
    }
}
