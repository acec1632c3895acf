//! `alluvium models`: what is known, what is here, and fetching the rest.

use alluvium_models::{Fetcher, Home, ModelError, ModelSpec, find, registry, verify_model, verify_runtime};

use crate::cli::{Format, ModelName, Models};
use crate::failure::{Exit, Failure};
use crate::output;
use crate::results::{ModelRow, ModelState, ModelsResult, RuntimeRow};

pub(crate) fn run(command: &Models, format: Format) -> Result<Exit, Failure> {
    let home = Home::from_env()?;
    match command {
        Models::List(name) => list(&home, &chosen(name)?, format),
        Models::Fetch(name) => fetch(&home, &chosen(name)?, format),
        Models::Verify(name) => verify(&home, name, format),
    }
}

fn chosen(name: &ModelName) -> Result<Vec<&'static ModelSpec>, Failure> {
    match &name.name {
        Some(name) => Ok(vec![find(name)?]),
        None => Ok(registry().iter().collect()),
    }
}

fn list(home: &Home, models: &[&'static ModelSpec], format: Format) -> Result<Exit, Failure> {
    output::result(format, &look(home, models), text)?;
    Ok(Exit::Done)
}

fn fetch(home: &Home, models: &[&'static ModelSpec], format: Format) -> Result<Exit, Failure> {
    let say = |line: &str| output::stderr(line);
    let fetcher = Fetcher::new(home, &say);
    fetcher.runtime()?;
    fetcher.models(models)?;
    list(home, models, format)
}

/// Without a name, models that are not here are nothing to complain of; with one, it is.
fn verify(home: &Home, name: &ModelName, format: Format) -> Result<Exit, Failure> {
    let models = chosen(name)?;
    let mut complaints = vec![verify_runtime(home).err()];
    for model in &models {
        let error = verify_model(home, model).err();
        let missing = matches!(state(home, model, error.as_ref()), ModelState::Missing);
        complaints.push(error.filter(|_| !missing || name.name.is_some()));
    }
    match complaints.into_iter().flatten().next() {
        Some(error) => Err(error.into()),
        None => list(home, &models, format),
    }
}

fn look(home: &Home, models: &[&'static ModelSpec]) -> ModelsResult {
    let row = |model: &&'static ModelSpec| ModelRow {
        name: model.name.to_owned(),
        revision: model.revision.to_owned(),
        dimension: model.dimension,
        max_tokens: model.max_tokens,
        state: state(home, model, verify_model(home, model).err().as_ref()),
    };
    let runtime = match verify_runtime(home) {
        Ok(_) => ModelState::Present,
        Err(ModelError::Missing { .. }) => ModelState::Missing,
        Err(_) => ModelState::Corrupt,
    };
    ModelsResult {
        home: home.root().display().to_string(),
        runtime: RuntimeRow { state: runtime, path: home.runtime_library().display().to_string() },
        models: models.iter().map(row).collect(),
    }
}

/// A folder that lacks a file is no missing model but a broken one.
fn state(home: &Home, model: &ModelSpec, error: Option<&ModelError>) -> ModelState {
    match error {
        None => ModelState::Present,
        Some(_) if home.model_dir(model.name).exists() => ModelState::Corrupt,
        Some(_) => ModelState::Missing,
    }
}

fn text(result: &ModelsResult) -> String {
    let rows: Vec<Vec<String>> = result
        .models
        .iter()
        .map(|model| {
            let numbers = [model.dimension.to_string(), model.max_tokens.to_string()];
            let [dimension, tokens] = numbers;
            let state = model.state.to_string();
            vec![model.name.clone(), model.revision.clone(), dimension, tokens, state]
        })
        .collect();
    let table = output::table(&["model", "revision", "dimension", "tokens", "state"], &rows);
    format!("{table}\n\nONNX Runtime: {} ({})", result.runtime.state, result.runtime.path)
}
