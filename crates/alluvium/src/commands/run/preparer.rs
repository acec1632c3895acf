//! A preparer: it reads Kafka sources together with others, and writes prepared documents to a topic. It
//! never writes the index. Where it can read it, chunks that are there keep their vectors.

use std::sync::Arc;

use alluvium_config::PipelineSpec;
use alluvium_core::commit::VectorLookup;
use alluvium_core::extract::Extractor;
use alluvium_index::LiveLookup;
use alluvium_runtime::{FollowEnd, InFlight, NoProgress, Pipeline, RunError, SourceRun};
use tokio_util::sync::CancellationToken;

use super::health::Told;
use super::{Pause, follow_settings};
use crate::compose::{self, Shape};
use crate::failure::{Exit, Failure};

/// Follows until a signal. Gives the documents that were too slow for it.
pub(super) async fn serve(spec: &PipelineSpec, cancel: CancellationToken) -> Result<Vec<InFlight>, Failure> {
    let shape = Shape::open(spec)?;
    check_sources(spec)?;
    compose::prepared_spec(spec, &shape.fingerprint)?;
    let extractor = compose::extractor(spec)?;
    extractor.probe().await.map_err(|e| Failure::from(RunError::Extractor(e.to_string())))?;
    let fingerprint = shape.pipeline_fingerprint(extractor.components());
    let root = spec.index.path.expose().clone();
    let lookup: Arc<dyn VectorLookup> = Arc::new(LiveLookup::new(root, shape.fingerprint.hash()));
    let mut pause = Pause::new();
    tracing::info!(pipeline = %spec.name, "preparing");
    while !cancel.is_cancelled() {
        // A producer that has failed is not to be trusted with order any more: each round has its own.
        let mut topic = compose::prepared_topic(spec, &shape.fingerprint)?;
        let pipeline = Pipeline {
            sources: sources(spec)?,
            extractor: extractor.clone(),
            chunker: shape.chunker.clone(),
            model: shape.model.clone(),
            lookup: Arc::clone(&lookup),
            writer: &mut topic,
            fingerprint: fingerprint.clone(),
            hide_unreadable: spec.hide_unreadable(),
            settings: compose::settings(spec),
            progress: Arc::new(NoProgress),
            cancel: cancel.clone(),
        };
        let told = Arc::new(Told::new(None));
        match alluvium_runtime::follow(pipeline, follow_settings(spec), told).await.map_err(Failure::from) {
            Ok(FollowEnd::Drained { slow } | FollowEnd::Loaded { slow, .. }) => return Ok(slow),
            Ok(FollowEnd::Ended | FollowEnd::Superseded) => break,
            Err(failure) if cancel.is_cancelled() => return Err(failure),
            Err(failure) => {
                if !pause.after(&failure, &cancel).await {
                    break;
                }
            }
        }
    }
    Ok(Vec::new())
}

/// There must be something to share.
fn check_sources(spec: &PipelineSpec) -> Result<(), Failure> {
    if spec.sources.iter().any(compose::is_shared) {
        return Ok(());
    }
    let message = "preparers share sources of type \"kafka\", and there is none";
    let next = "run it with `--role all`";
    Err(Failure::new(Exit::Usage, "config", message).at(spec.name.written()).next(next))
}

fn sources(spec: &PipelineSpec) -> Result<Vec<SourceRun>, Failure> {
    let run = |source| SourceRun { source, record_first_scan: false, once: false };
    Ok(compose::shared_sources(spec)?.into_iter().map(run).collect())
}
