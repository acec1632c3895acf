//! The topology over small doubles of its seams.

mod bounds;
mod doubles;
mod flow;
mod stops;
