//! alluvium-extract
