//! The model, the real index beside it, and what leads both through the same steps.

mod cases;
mod faults;
pub mod op;
pub mod oracle;
pub mod run;
pub mod source;
pub mod world;
