//! Classrooms that watch a lesson without decoding it, and the report on what reached them.

pub mod arrivals;
pub mod asks;
pub mod churn;
pub mod health;
pub mod meter;
pub mod receive;
pub mod report;
pub mod run;
pub mod seat;
mod signal;
pub mod stats;
pub mod timeline;
pub mod watch;
mod whep;
