//! Attendances of named cases, one after another, each judged by what is expected of it.

pub mod case;
pub mod judge;
pub mod run;
