//! `alluvium search`: the best passages for a question, among those that the principals may read.

use alluvium_config::PipelineSpec;
use alluvium_core::access::Principals;
use alluvium_core::asking::asked;
use alluvium_core::embed::Model;
use alluvium_core::text::normalize_query;
use alluvium_index::{Index, Releases, SearchMode, SearchRequest, Target};

use crate::cli::{self, Format, Mode};
use crate::compose::{Shape, at_index, check_generation, open_index, read_pipeline};
use crate::failure::{Exit, Failure};
use crate::output;
use crate::results::{Hit, LegShort, LiveShort, PlanResult, QueryShort, SearchResult};

/// Characters of a passage that are shown to people.
const SHOWN: usize = 300;

pub(crate) async fn run(arguments: &cli::Search, format: Format) -> Result<Exit, Failure> {
    // What can be wrong without opening anything is found first.
    let principals = Principals::new(arguments.principals.iter().cloned()).map_err(|e| {
        Failure::new(Exit::Usage, "usage", format!("--as: {e}")).next("name a principal such as group:staff")
    })?;
    // In the form that texts are in, for every mode.
    let query = normalize_query(&arguments.query);
    if query.is_empty() {
        let failure = Failure::new(Exit::Usage, "usage", "the query is empty");
        return Err(failure.next("say what to look for"));
    }
    let file = &arguments.pipeline.pipeline;
    let spec = read_pipeline(file)?;
    let newest = open_index(&spec, file).await?;
    let live = LiveShort::of(newest.record());
    let (index, release) = match &arguments.release {
        None => (newest, None),
        Some(target) => {
            let index = at_release(&spec, &newest, target).await?;
            let release = LiveShort::of(index.record());
            (index, Some(release))
        }
    };
    let given = match arguments.mode {
        Mode::Fts => Given::default(),
        mode => given(&spec, &index, &query, mode)?,
    };
    let request = SearchRequest {
        principals: &principals,
        mode: if given.vector.is_some() { mode(arguments.mode) } else { SearchMode::Fts },
        text: &query,
        vector: given.vector.as_deref(),
        limit: usize::from(arguments.limit),
        per_document: arguments.per_document,
        conditions: &arguments.conditions,
    };
    let found = index.search(&request).await.map_err(|e| at_index(&spec, e))?;
    let plan = arguments.explain.then(|| PlanResult { query: given.query, ..found.plan.into() });
    let hits = found.hits.into_iter().map(Hit::from).collect();
    output::result(format, &SearchResult { live, release, hits, notes: given.notes, plan }, text)?;
    Ok(Exit::Done)
}

/// An earlier publish. Its rows carry the access lists of then, and the policy of now judges every hit.
async fn at_release(spec: &PipelineSpec, newest: &Index, target: &str) -> Result<Index, Failure> {
    let root = &spec.index.path;
    let opened = async {
        let record = Releases::open(root)?.resolve(&Target::parse(target)).await?;
        Index::open_at(root, &record).await?.judged_by(newest)
    };
    opened.await.map_err(|e| at_index(spec, e))
}

/// What a search by meaning is given.
#[derive(Default)]
struct Given {
    /// None in a search by both, of a query that the model can't read: then it is one by words.
    vector: Option<Vec<f32>>,
    /// How much of the query the model was given.
    query: Option<QueryShort>,
    notes: Vec<String>,
}

/// The query as the model of the index embeds it: of one that is longer than the model takes its beginning.
fn given(spec: &PipelineSpec, index: &Index, query: &str, mode: Mode) -> Result<Given, Failure> {
    let shape = Shape::open(spec)?;
    check_generation(spec, index.record(), &shape.fingerprint)?;
    let asked = asked(shape.model.identity(), &*shape.model.tokenizer(), query)?;
    let count = |text: &str| text.chars().count();
    let short = QueryShort { characters: count(asked.text), of: count(query), known: asked.is_known };
    if asked.is_known {
        let vector = Some(shape.model.session()?.embed_query(asked.text)?);
        return Ok(Given { vector, query: Some(short), notes: Vec::new() });
    }
    let why = format!("the model {} knows next to nothing of the query", spec.model.name);
    if mode == Mode::Vector {
        let failure = Failure::new(Exit::Usage, "query_unknown", why);
        return Err(failure.next("search with --mode fts, or index with a model that reads this language"));
    }
    let note = format!("{why}: searched by words only; a model that reads this language finds meaning, too");
    Ok(Given { vector: None, query: Some(short), notes: vec![note] })
}

fn mode(mode: Mode) -> SearchMode {
    match mode {
        Mode::Vector => SearchMode::Vector,
        Mode::Fts => SearchMode::Fts,
        Mode::Hybrid => SearchMode::Hybrid,
    }
}

fn text(result: &SearchResult) -> String {
    let hits = result.hits.iter().enumerate().map(|(rank, hit)| block(rank + 1, hit));
    let mut blocks: Vec<String> = hits.collect();
    if blocks.is_empty() {
        blocks.push("nothing found that these principals may read".to_owned());
    }
    blocks.extend(result.notes.iter().map(|note| format!("note: {note}")));
    blocks.extend(result.plan.as_ref().map(plan_text));
    blocks.join("\n\n")
}

fn plan_text(plan: &PlanResult) -> String {
    let admitted = plan.admitted.map(|n| format!(", {n} of them admitted by the filter")).unwrap_or_default();
    let legs = plan.legs.iter().map(leg_text);
    let most = plan.per_document.map(|n| format!(", at most {n} passages of a document")).unwrap_or_default();
    [format!("{} search over {} chunks{admitted}{most}", plan.mode, plan.rows)]
        .into_iter()
        .chain(plan.query.as_ref().and_then(query_text))
        .chain(legs)
        .collect::<Vec<_>>()
        .join("\n")
}

/// Says something where the model was not given all, or can't read it.
fn query_text(query: &QueryShort) -> Option<String> {
    let QueryShort { characters, of, known } = query;
    if !known {
        return Some("  the model knows next to nothing of the query".to_owned());
    }
    (characters < of).then(|| {
        format!("  the query is longer than the model takes: it was given the first {characters} of {of} characters")
    })
}

fn leg_text(leg: &LegShort) -> String {
    format!(
        "  by {}: {} scan, {} candidates in {} rounds, {} dropped by policy, {:.1} ms",
        leg.mode, leg.scan, leg.fetched, leg.rounds, leg.dropped, leg.milliseconds
    )
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
    let words_only = if hit.words_only { "  (by words only: the model can't read it)" } else { "" };
    let stale = hit.stale_since.map_or_else(String::new, |since| {
        format!("\n   stale: newer content waits in quarantine since {since:.0}")
    });
    format!(
        "{rank}. {:.3}  {}\n   {}  {place}{headings}{words_only}\n   {}\n   chunk {}{stale}",
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
