//! Footage.
