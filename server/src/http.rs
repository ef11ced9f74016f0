//! HTTP: one router, one ordered middleware stack, one map of errors to statuses.

pub mod error;
mod exchange;
pub mod whep;
pub mod whip;
