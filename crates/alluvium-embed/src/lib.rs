//! alluvium-embed
