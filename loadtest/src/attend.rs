//! Classrooms that watch a lesson without decoding it, and the report on what reached them.

pub mod asks;
pub mod meter;
pub mod receive;
pub mod report;
pub mod run;
pub mod stats;
