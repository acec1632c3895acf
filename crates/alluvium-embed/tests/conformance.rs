//! What every model must do, tried on the real ones in `ALLUVIUM_HOME`, which `cargo xtask setup` fills.
//! A model that is missing fails these tests.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use alluvium_core::embed::{EmbedError, Embedder, Model, check_vector};
use alluvium_core::stop::Stop;
use alluvium_embed::FastembedModel;
use alluvium_models::Home;

const MODELS: [&str; 2] = ["all-MiniLM-L6-v2", "potion-base-8M"];

fn home() -> Home {
    Home::from_env().expect("ALLUVIUM_HOME: run `cargo xtask setup`")
}

fn open(name: &str) -> FastembedModel {
    FastembedModel::open(&home(), name).unwrap()
}

fn cosine(one: &[f32], two: &[f32]) -> f32 {
    one.iter().zip(two).map(|(a, b)| a * b).sum()
}

fn similarity(session: &mut dyn Embedder, one: &str, two: &str) -> f32 {
    cosine(&session.embed_query(one).unwrap(), &session.embed_document(two).unwrap())
}

#[test]
fn a_vector_depends_on_the_text_alone() {
    for name in MODELS {
        let model = open(name);
        let (mut one, mut two) = (model.session().unwrap(), model.session().unwrap());
        let text = "Travel must be booked two weeks ahead.";
        let first = one.embed_document(text).unwrap();
        check_vector(model.identity(), &first).unwrap();
        one.embed_document(&"Something else, and much longer. ".repeat(20)).unwrap();
        assert_eq!(one.embed_document(text).unwrap(), first, "{name}: again");
        assert_eq!(two.embed_document(text).unwrap(), first, "{name}: another session");
    }
}

#[test]
fn near_texts_have_near_vectors() {
    for name in MODELS {
        let mut session = open(name).session().unwrap();
        let question = "How many days of parental leave do I get?";
        let near = similarity(&mut *session, question, "Parents may take leave for up to 26 weeks.");
        let far = similarity(&mut *session, question, "Tighten the bolts of the antenna mast.");
        assert!(near > far + 0.2, "{name}: {near} {far}");
    }
}

#[test]
fn spans_are_those_of_the_whole_text() {
    for name in MODELS {
        let tokenizer = open(name).tokenizer();
        let text = "Depå Härnösand: [CLS] naïve cafés, 12.50 € – 東京 über\n\tallem";
        let spans = tokenizer.spans(text).unwrap();
        assert!(spans.windows(2).all(|w| w[0].start <= w[1].start), "{name}: in order");
        assert!(spans.iter().all(|s| text.get(s.clone()).is_some()), "{name}: on characters");
        let words: Vec<_> = spans.iter().map(|s| &text[s.clone()]).collect();
        assert_eq!((words[0], words.contains(&"東")), ("Depå".get(..words[0].len()).unwrap(), true));

        let repeated = format!("{text}\n").repeat(4_000);
        assert_eq!(tokenizer.spans(&repeated).unwrap().len(), spans.len() * 4_000, "{name}: huge");
    }
}

#[test]
fn a_text_that_would_be_cut_is_refused() {
    for name in MODELS {
        let model = open(name);
        let (mut session, max) = (model.session().unwrap(), model.identity().max_tokens);
        let fits = max - model.tokenizer().special();
        assert_eq!(model.tokenizer().spans(&"dog ".repeat(fits)).unwrap().len(), fits);
        session.embed_document(&"dog ".repeat(fits)).unwrap();
        let error = session.embed_document(&"dog ".repeat(fits + 1)).unwrap_err();
        assert!(matches!(error, EmbedError::TooLong { tokens, .. } if tokens == max + 1), "{name}: {error}");
        assert!(matches!(session.embed_document(" \n"), Ok(_) | Err(EmbedError::BadVector(_))));
    }
}

#[test]
fn special_tokens_that_a_person_typed_are_text() {
    for name in MODELS {
        let model = open(name);
        let mut session = model.session().unwrap();
        let tokenizer = model.tokenizer();
        for typed in ["[CLS]", "[SEP]", "[UNK]", "[MASK]", "[PAD]", "<s>", "</s>", "<pad>"] {
            let tokens = tokenizer.tokens(typed, &Stop::new()).unwrap();
            assert!(tokens.spans.len() >= 3 && tokens.unknown.is_empty(), "{name} {typed}: {tokens:?}");
            let text = format!("The sign {typed} stands before a sentence.");
            let (with, without) = (
                session.embed_document(&text).unwrap(),
                session.embed_document("The sign stands before a sentence.").unwrap(),
            );
            let spelt = text.replace('[', "[ ").replace('<', "< ");
            assert!(cosine(&with, &session.embed_document(&spelt).unwrap()) > 0.9999, "{name} {typed}");
            assert!(cosine(&with, &without) < 0.999, "{name} {typed}");
        }
    }
}

#[test]
fn words_without_spaces_between_them_are_words() {
    for name in MODELS {
        let model = open(name);
        let (mut session, tokenizer) = (model.session().unwrap(), model.tokenizer());
        // More than a hundred letters without a blank: one unknown word to the tokenizer as it comes.
        let kana = "ねこがさかなをたべるのはいつもゆうがたです".repeat(8);
        let tokens = tokenizer.tokens(&kana, &Stop::new()).unwrap();
        assert!(tokens.spans.len() > 100 && tokens.are_known(&kana), "{name}: {}", tokens.spans.len());
        assert!(tokens.spans.windows(2).all(|w| w[0].start <= w[1].start), "{name}: in order");
        assert!(tokens.spans.iter().all(|s| kana.get(s.clone()).is_some_and(|t| !t.contains(' '))), "{name}");
        let one = session.embed_document(&kana).unwrap();
        let other = "とりがそらをとんでいくのがみえるあさです".repeat(8);
        let two = session.embed_document(&other).unwrap();
        assert!(cosine(&one, &two) < 0.97, "{name}: two texts have two vectors: {}", cosine(&one, &two));

        let thai = "แมวกินปลาในบ้านหลังใหญ่ริมแม่น้ำ".repeat(20);
        let tokens = tokenizer.tokens(&thai, &Stop::new()).unwrap();
        assert!(tokens.spans.len() > 100 && !tokens.are_known(&thai), "{name}: {}", tokens.spans.len());
        let base64 = "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVo0".repeat(9);
        let tokens = tokenizer.tokens(&base64, &Stop::new()).unwrap();
        assert!(!tokens.are_known(&base64), "{name}");
        assert!(tokenizer.tokens("Ein schöner Tag, 12.50 €.", &Stop::new()).unwrap().unknown.is_empty());

        // What is counted is what the model is given.
        let (max, special) = (model.identity().max_tokens, tokenizer.special());
        let fits = |text: &str| tokenizer.spans(text).unwrap().len() + special <= max;
        let letters: Vec<char> = kana.chars().cycle().take(4_000).collect();
        let most = (0..4_000)
            .rev()
            .step_by(37)
            .map(|n| letters[..n].iter().collect::<String>())
            .find(|text| fits(text));
        session.embed_document(&most.unwrap()).unwrap();
    }
}

#[test]
fn a_model_that_is_not_there_is_named_with_its_mend() {
    let nowhere = Home::new("/nonexistent");
    let text = FastembedModel::open(&nowhere, MODELS[0]).err().unwrap().to_string();
    assert!(text.contains("/nonexistent") && text.contains("alluvium models fetch"), "{text}");
    let text = FastembedModel::open(&home(), "all-minilm").err().unwrap().to_string();
    assert!(text.contains("all-MiniLM-L6-v2"), "{text}");
}

/// Computed with numpy in double precision from the weights alone, without ONNX Runtime, fastembed or the
/// tokenizers' code.
#[test]
fn vectors_are_those_of_an_independent_computation() {
    let text = "The quick brown fox jumps over the lazy dog.";
    let expected = [[0.043934, 0.058934, 0.048178, 0.077548], [-0.213264, -0.115383, 0.075971, -0.161827]];
    for (name, expected) in MODELS.into_iter().zip(expected) {
        let vector = open(name).session().unwrap().embed_document(text).unwrap();
        for (found, expected) in vector.iter().zip(expected) {
            assert!((found - expected).abs() < 1e-5, "{name}: {:?}", vector.get(..4));
        }
    }
}
