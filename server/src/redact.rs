//! Values that must not reach a log: their `Debug` and `Display` show that there is something, and not what.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A password, token, key or pairing code.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

/// A person's or place's name.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Name(String);

macro_rules! redacted {
    ($name:ident, $shown:literal) => {
        impl $name {
            /// Wraps it.
            pub fn new(value: impl Into<String>) -> Self {
                Self(value.into())
            }

            /// The value itself; the caller sees to it that it reaches no log.
            #[must_use]
            pub fn reveal(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str($shown)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str($shown)
            }
        }
    };
}

redacted!(Secret, "[secret]");
redacted!(Name, "[name]");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neither_debug_nor_display_show_the_value() {
        let secret = Secret::new("hunter2");
        let name = Name::new("王小明");
        let shown = format!("{secret:?} {secret} {name:?} {name} {:?}", Some(&secret));
        assert!(!shown.contains("hunter2") && !shown.contains("王"), "{shown}");
        assert_eq!(secret.reveal(), "hunter2");
    }
}
