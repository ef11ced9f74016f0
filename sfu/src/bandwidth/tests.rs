//! The estimate on simulated lines, in virtual time.

mod wire;
