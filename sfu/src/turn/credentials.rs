//! Names and passwords that end by themselves: the name says when, the password is the name sealed with our key. Nothing has to be
//! kept of who was given one.

use std::fmt;

use aws_lc_rs::hmac;

/// Longest name that is looked at.
const LONGEST_NAME: usize = 128;

/// Issues and verifies.
#[derive(Clone)]
pub struct Credentials {
    key: hmac::Key,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").finish_non_exhaustive()
    }
}

/// A name and its password.
#[derive(Clone, PartialEq, Eq)]
pub struct Login {
    /// `EXPIRES:USER`, the first in seconds of Unix time.
    pub username: String,
    /// Its password.
    pub password: String,
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Login").finish_non_exhaustive()
    }
}

/// What a name says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Named<'a> {
    pub(super) expires_s: i64,
    /// Allocations are counted by it.
    pub(super) user: &'a str,
}

impl Credentials {
    /// Of a key that only the server knows.
    #[must_use]
    pub fn new(key: &[u8]) -> Self {
        Self {
            key: hmac::Key::new(hmac::HMAC_SHA256, key),
        }
    }

    /// For a user, until a moment of Unix time. The name is said in the clear to whoever sees the messages: no person's.
    #[must_use]
    pub fn issue(&self, user: &str, expires_s: i64) -> Login {
        let username = format!("{expires_s}:{user}");
        Login {
            password: self.password(&username),
            username,
        }
    }

    pub(super) fn password(&self, username: &str) -> String {
        let tag = hmac::sign(&self.key, username.as_bytes());
        tag.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// Reads a name; `None` when it is none of ours or too old.
pub(super) fn named(username: &str, unix_s: i64) -> Option<Named<'_>> {
    if username.len() > LONGEST_NAME {
        return None;
    }
    let (expires, user) = username.split_once(':')?;
    let expires_s = expires.parse().ok()?;
    (expires_s > unix_s).then_some(Named { expires_s, user })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_good_until_it_says() {
        let login = Credentials::new(b"key").issue("a:b", 100);
        assert_eq!(login.username, "100:a:b");
        let good = named(&login.username, 99).expect("a name");
        assert_eq!((good.expires_s, good.user), (100, "a:b"));
        assert_eq!(named(&login.username, 100), None);
        for other in [
            "",
            "100",
            "x:y",
            ":",
            &format!("100:{}", "a".repeat(LONGEST_NAME)),
        ] {
            assert_eq!(named(other, 0), None, "{other}");
        }
    }

    #[test]
    fn a_password_is_of_its_name_and_key_and_stays_out_of_logs() {
        let credentials = Credentials::new(b"key");
        let login = credentials.issue("a", 100);
        assert_eq!(login.password, credentials.password("100:a"));
        assert_ne!(login.password, credentials.password("101:a"));
        assert_ne!(login.password, Credentials::new(b"other").password("100:a"));
        assert!(!format!("{login:?}").contains(&login.password));
    }
}
