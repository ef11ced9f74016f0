//! The HTTP side as its clients see it: a server of its own per test, on a free port, with a clock that is moved by hand.

mod harness;

mod claims;
mod commands;
mod demo;
mod lessons;
mod openapi;
mod operators;
mod relay;
mod secrets;
mod session;
mod terminals;
