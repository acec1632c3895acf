//! alluvium-index
