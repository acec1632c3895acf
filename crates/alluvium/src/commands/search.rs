//! `alluvium search`: the best passages for a question, among those that the principals may read.

use alluvium_config::PipelineSpec;
use alluvium_core::access::Principals;
use alluvium_core::embed::{EmbedError, Model};
use alluvium_index::{Index, Releases, SearchMode, SearchRequest, Target};

use crate::cli::{self, Format, Mode};
use crate::compose::{Shape, at_index, check_generation, open_index, read_pipeline};
use crate::failure::{Exit, Failure};
use crate::output;
use crate::results::{Hit, LegShort, LiveShort, PlanResult, SearchResult};

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
    let vector = match arguments.mode {
        Mode::Fts => None,
        mode => embedded(&spec, &index, &arguments.query, mode)?,
    };
    let request = SearchRequest {
        principals: &principals,
        mode: if vector.is_some() { mode(arguments.mode) } else { SearchMode::Fts },
        text: &arguments.query,
        vector: vector.as_deref(),
        limit: usize::from(arguments.limit),
        conditions: &arguments.conditions,
    };
    let found = index.search(&request).await.map_err(|e| at_index(&spec, e))?;
    let plan = arguments.explain.then(|| found.plan.into());
    let hits = found.hits.into_iter().map(Hit::from).collect();
    output::result(format, &SearchResult { live, release, hits, plan }, text)?;
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

/// The query as the model of the index embeds it. A text of which the model knows no word has no vector:
/// a search by both is one by words then.
fn embedded(
    spec: &PipelineSpec,
    index: &Index,
    query: &str,
    mode: Mode,
) -> Result<Option<Vec<f32>>, Failure> {
    let shape = Shape::open(spec)?;
    check_generation(spec, index.record(), &shape.fingerprint)?;
    match shape.model.session()?.embed_query(query) {
        Err(EmbedError::BadVector(_)) if mode == Mode::Hybrid => Ok(None),
        vector => Ok(Some(vector?)),
    }
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
    blocks.extend(result.plan.as_ref().map(plan_text));
    blocks.join("\n\n")
}

fn plan_text(plan: &PlanResult) -> String {
    let admitted = plan.admitted.map(|n| format!(", {n} of them admitted by the filter")).unwrap_or_default();
    let legs = plan.legs.iter().map(leg_text);
    [format!("{} search over {} chunks{admitted}", plan.mode, plan.rows)]
        .into_iter()
        .chain(legs)
        .collect::<Vec<_>>()
        .join("\n")
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
