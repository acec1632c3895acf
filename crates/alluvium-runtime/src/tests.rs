//! The topology over small doubles of its seams.

mod bounds;
mod doubles;
mod drain;
mod exactly_once;
mod flow;
mod follow;
mod loading;
mod stops;
mod turns;
