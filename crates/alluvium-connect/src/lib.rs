//! alluvium-connect
