//! `alluvium validate`: the pipeline file by itself, without reading anything that it names.

use std::path::Path;

use crate::cli::Format;
use crate::compose::read_pipeline;
use crate::failure::{Exit, Failure};
use crate::output;
use crate::results::ValidateResult;

pub(crate) fn run(file: &Path, format: Format) -> Result<Exit, Failure> {
    let spec = read_pipeline(file)?;
    let result = ValidateResult {
        valid: true,
        name: spec.name.written().to_owned(),
        config_hash: spec.config_hash().to_string(),
        model: spec.model.name.written().to_owned(),
        sources: spec.sources.iter().map(|source| source.name.written().to_owned()).collect(),
    };
    output::result(format, &result, |result| {
        let sources = result.sources.join(", ");
        format!(
            "{} is valid: pipeline {}, model {}, sources {sources}",
            file.display(),
            result.name,
            result.model
        )
    })?;
    Ok(Exit::Done)
}
