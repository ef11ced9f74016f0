//! A teacher without a camera: publishes real footage in real time.

pub mod feedback;
pub mod names;
pub mod publish;
pub mod run;
pub mod schedule;
