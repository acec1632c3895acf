//! A model of the registry, verified, that opens sessions.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use alluvium_core::embed::{EmbedError, Embedder, Model, ModelIdentity, Tokenizer};
use alluvium_models::{Home, ModelSpec, Pooling};
use fastembed::{
    InitOptionsUserDefined, QuantizationMode, TextEmbedding, TokenizerFiles, UserDefinedEmbeddingModel,
};
use ort::environment::Environment;

use crate::runtime;
use crate::session::Session;
use crate::tokenizer::WordPieces;

const WEIGHTS: &str = "model.onnx";
const TOKENIZER: &str = "tokenizer.json";

/// A model that runs on ONNX Runtime through fastembed.
pub struct FastembedModel {
    spec: &'static ModelSpec,
    folder: PathBuf,
    identity: Arc<ModelIdentity>,
    tokenizer: Arc<WordPieces>,
    environment: Environment,
}

impl FastembedModel {
    /// Verifies the model's files and the runtime library by hash and loads both but for the weights,
    /// which each session reads for itself.
    ///
    /// # Errors
    /// [`EmbedError::Unavailable`] names the file that is missing, empty, altered or unusable, and what
    /// mends it.
    pub fn open(home: &Home, name: &str) -> Result<Self, EmbedError> {
        let unavailable = |e: alluvium_models::ModelError| EmbedError::Unavailable(e.to_string());
        let spec = alluvium_models::find(name).map_err(unavailable)?;
        let library = alluvium_models::verify_runtime(home).map_err(unavailable)?;
        let folder = alluvium_models::verify_model(home, spec).map_err(unavailable)?;
        // One text a run: a pool of threads for one text costs more than it does.
        tokenizers::utils::parallelism::set_parallelism(false);
        let tokenizer = WordPieces::from_bytes(&read(&folder, TOKENIZER)?)
            .map_err(|why| unusable(&folder, TOKENIZER, why))?;
        Ok(Self {
            spec,
            folder,
            identity: Arc::new(identity(spec)),
            tokenizer: Arc::new(tokenizer),
            environment: runtime::load(&library)?,
        })
    }

    fn files(&self) -> Result<UserDefinedEmbeddingModel, EmbedError> {
        let tokenizer = TokenizerFiles {
            tokenizer_file: read(&self.folder, TOKENIZER)?,
            config_file: read(&self.folder, "config.json")?,
            special_tokens_map_file: read(&self.folder, "special_tokens_map.json")?,
            tokenizer_config_file: read(&self.folder, "tokenizer_config.json")?,
        };
        let pooling = match self.spec.pooling {
            Pooling::Mean => fastembed::Pooling::Mean,
            Pooling::Cls => fastembed::Pooling::Cls,
        };
        Ok(UserDefinedEmbeddingModel::new(read(&self.folder, WEIGHTS)?, tokenizer)
            .with_pooling(pooling)
            .with_quantization(QuantizationMode::None))
    }

    fn options(&self) -> InitOptionsUserDefined {
        InitOptionsUserDefined::new()
            .with_environment(self.environment.clone())
            .with_max_length(self.spec.max_tokens)
            .with_intra_threads(1)
            .with_session_config("session.intra_op.allow_spinning", "0")
            .with_session_config("session.inter_op.allow_spinning", "0")
    }

    /// fastembed takes the smaller of two limits, ours and the tokenizer's: ours must be the one.
    fn check_limit(&self, opened: &TextEmbedding) -> Result<(), EmbedError> {
        let found = opened.tokenizer.get_truncation().map(|limit| limit.max_length);
        if found == Some(self.spec.max_tokens) {
            return Ok(());
        }
        let why = format!("its limit is {found:?} tokens, the registry says {}", self.spec.max_tokens);
        Err(unusable(&self.folder, "tokenizer_config.json", why))
    }
}

impl Model for FastembedModel {
    fn identity(&self) -> &ModelIdentity {
        &self.identity
    }

    fn tokenizer(&self) -> Arc<dyn Tokenizer> {
        Arc::clone(&self.tokenizer) as Arc<dyn Tokenizer>
    }

    fn session(&self) -> Result<Box<dyn Embedder>, EmbedError> {
        let mut inner = TextEmbedding::try_new_from_user_defined(self.files()?, self.options())
            .map_err(|e| unusable(&self.folder, WEIGHTS, e))?;
        inner.tokenizer.set_encode_special_tokens(true);
        self.check_limit(&inner)?;
        let (identity, tokenizer) = (Arc::clone(&self.identity), Arc::clone(&self.tokenizer));
        Ok(Box::new(Session { inner, identity, tokenizer }))
    }
}

fn identity(spec: &ModelSpec) -> ModelIdentity {
    let hash = |file: &str| {
        let artifact = spec.artifacts.iter().find(|artifact| artifact.file == file);
        artifact.map(|artifact| artifact.sha256.to_owned()).unwrap_or_default()
    };
    ModelIdentity {
        name: spec.name.to_owned(),
        revision: spec.revision.to_owned(),
        artifact: hash(WEIGHTS),
        tokenizer: hash(TOKENIZER),
        dimension: spec.dimension,
        pooling: spec.pooling.as_str().to_owned(),
        normalize: spec.normalize,
        document_prefix: spec.document_prefix.to_owned(),
        query_prefix: spec.query_prefix.to_owned(),
        max_tokens: spec.max_tokens,
    }
}

fn read(folder: &Path, file: &str) -> Result<Vec<u8>, EmbedError> {
    std::fs::read(folder.join(file)).map_err(|e| unusable(folder, file, e))
}

fn unusable(folder: &Path, file: &str, why: impl std::fmt::Display) -> EmbedError {
    EmbedError::Unavailable(format!("{} can't be used: {why}", folder.join(file).display()))
}
