//! `alluvium search`: the passages nearest to a question, among those that the principals may read.

use alluvium_core::access::Principals;
use alluvium_core::embed::Model;
use alluvium_index::{SearchMode, SearchRequest};

use crate::cli::{self, Format};
use crate::compose::{Shape, check_generation, open_index, read_pipeline};
use crate::failure::{Exit, Failure};
use crate::output;
use crate::results::{Hit, LiveShort, SearchResult};

/// Characters of a passage that are shown to people.
const SHOWN: usize = 300;

pub(crate) async fn run(arguments: &cli::Search, format: Format) -> Result<Exit, Failure> {
    // What can be wrong without opening anything is found first.
    let principals = Principals::new(arguments.principals.iter().cloned()).map_err(|e| {
        Failure::new(Exit::Usage, "usage", format!("--as: {e}")).next("name a principal such as group:staff")
    })?;
    if arguments.query.trim().is_empty() {
        let failure = Failure::new(Exit::Usage, "usage", "the query is empty");
        return Err(failure.next("say what to look for"));
    }
    let file = &arguments.pipeline.pipeline;
    let spec = read_pipeline(file)?;
    let index = open_index(&spec, file).await?;
    let shape = Shape::open(&spec)?;
    check_generation(&spec, index.record(), &shape.fingerprint)?;
    let vector = shape.model.session()?.embed_query(&arguments.query)?;
    let request = SearchRequest {
        principals: &principals,
        mode: SearchMode::Vector,
        text: &arguments.query,
        vector: Some(&vector),
        limit: usize::from(arguments.limit),
        conditions: &[],
    };
    let hits = index.search(&request).await?.hits;
    let live = LiveShort { seq: index.record().seq, generation: index.record().generation.to_string() };
    let result = SearchResult { live, hits: hits.into_iter().map(Hit::from).collect() };
    output::result(format, &result, text)?;
    Ok(Exit::Done)
}

fn text(result: &SearchResult) -> String {
    if result.hits.is_empty() {
        return "nothing found that these principals may read".to_owned();
    }
    let hits = result.hits.iter().enumerate().map(|(rank, hit)| block(rank + 1, hit));
    hits.collect::<Vec<_>>().join("\n\n")
}

fn block(rank: usize, hit: &Hit) -> String {
    let place = match (hit.page_start, hit.page_end) {
        (Some(first), Some(last)) if first == last => format!("page {first}"),
        (Some(first), Some(last)) => format!("pages {first}–{last}"),
        _ => format!("characters {}–{}", hit.char_start, hit.char_end),
    };
    let headings = if hit.heading_path.is_empty() {
        String::new()
    } else {
        format!("  {}", hit.heading_path.join(" › "))
    };
    format!(
        "{rank}. {:.3}  {}\n   {}  {place}{headings}\n   {}\n   chunk {}",
        hit.score,
        hit.title,
        hit.doc_id,
        shortened(&hit.text),
        hit.chunk_id
    )
}

/// The passage on one line.
fn shortened(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", line.get(..end).unwrap_or(&line)),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passages_are_shown_on_one_line() {
        assert_eq!(shortened("a\n\n b\tc"), "a b c");
        assert_eq!(shortened(&"é".repeat(400)).chars().count(), SHOWN + 1);
    }
}
