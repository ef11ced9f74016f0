//! Pure rules: no clock, no store, no network.

pub mod event;
pub mod lesson;
