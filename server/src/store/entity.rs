//! The tables, one module each.

pub mod classroom;
pub mod course;
pub mod event;
pub mod lesson;
pub mod lesson_classroom;
pub mod pairing_code;
pub mod recording;
pub mod region;
pub mod school;
pub mod session;
pub mod setting;
pub mod terminal;
pub mod user;
pub mod user_role;
