//! `alluvium explain`: where a chunk comes from, every step with its version and hash.

use alluvium_index::Explanation;

use crate::cli::{self, Format};
use crate::compose::{open_index, read_pipeline};
use crate::failure::{Exit, Failure};
use crate::output;

pub(crate) async fn run(arguments: &cli::Explain, format: Format) -> Result<Exit, Failure> {
    let file = &arguments.pipeline.pipeline;
    let spec = read_pipeline(file)?;
    let index = open_index(&spec, file).await?;
    let Some(explanation) = index.explain(&arguments.chunk_id).await? else {
        let message = format!("the index holds no chunk {:?}", arguments.chunk_id);
        let failure = Failure::new(Exit::Failed, "not_found", message);
        return Err(failure
            .at(spec.index.path.written())
            .next("take a chunk_id from the results of `search`"));
    };
    output::result(format, &explanation, text)?;
    Ok(Exit::Done)
}

fn text(e: &Explanation) -> String {
    let steps = &e.steps;
    let pages = match (e.page_start, e.page_end) {
        (Some(first), Some(last)) => format!(", pages {first}–{last}"),
        _ => String::new(),
    };
    let (source, extract, chunk, embed) = (&steps.source, &steps.extract, &steps.chunk, &steps.embed);
    let mut partial =
        extract.partial.as_ref().map(|why| format!("\n           partial: {why}")).unwrap_or_default();
    let words_only = if embed.words_only {
        "\n           the model can't read this text: found by words only; a model that reads its language \
         finds it by meaning, too"
    } else {
        ""
    };
    for (count, what) in [
        (extract.replaced_characters, "characters that could not be decoded, replaced"),
        (extract.hidden_characters, "characters that readers do not see, left out"),
        (extract.encoded_bytes, "bytes of data written as text, left out"),
    ] {
        if count > 0 {
            partial.push_str(&format!("\n           {count} {what}"));
        }
    }
    [
        format!("chunk      {}  characters {}–{}{pages}", e.chunk_id, e.char_start, e.char_end),
        format!("document   {}  {}\n           {}", e.doc_id, e.title, e.uri),
        format!("headings   {}", e.heading_path.join(" › ")),
        format!(
            "source     {} at {}, {} bytes, sha256 {}, version {}",
            source.name, source.position, source.bytes, source.content_hash, source.version
        ),
        format!(
            "extract    {} from {}, text sha256 {}, normalization {}{partial}",
            extract.extractor, extract.media_type, extract.text_hash, extract.normalization
        ),
        format!(
            "chunk      {}, number {} of {}, {} tokens of at most {} with {} overlap, sha256 {}",
            chunk.chunker,
            chunk.index + 1,
            chunk.of,
            chunk.tokens,
            chunk.max_tokens,
            chunk.overlap_tokens,
            chunk.chunk_hash
        ),
        format!(
            "embed      {}, {} values, artifact sha256 {}{words_only}",
            embed.model, embed.dimension, embed.artifact
        ),
        format!(
            "access     readers [{}], denied [{}], since seq {}, sha256 {}",
            e.access.readers.join(", "),
            e.access.denied.join(", "),
            e.access.changed_seq,
            e.access.acl_hash
        ),
        format!(
            "index      seq {}, generation {}, pipeline {} ({}), written {}",
            e.live.seq, e.live.generation, e.live.pipeline, e.live.pipeline_fingerprint, e.live.indexed_at
        ),
        String::new(),
        e.text.clone(),
    ]
    .join("\n")
}
