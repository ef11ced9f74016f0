//! HTTP: one router ([`router()`]), one ordered middleware stack ([`layers`]), one map of errors to statuses ([`error`]).

mod claims;
mod classrooms;
pub mod cookies;
mod door;
pub mod error;
mod exchange;
pub mod extract;
mod forwarded;
mod health;
pub mod hls;
mod layers;
mod lessons;
mod openapi;
mod pages;
mod probe;
mod recordings;
pub(crate) mod redirect;
mod router;
mod session;
mod terminal;
pub mod whep;
pub mod whip;

pub use extract::OverTls;
pub use openapi::openapi_json;
pub use router::router;
