//! The estimate on simulated lines, in virtual time.

mod clients;
mod line;
mod lines;
mod wire;
