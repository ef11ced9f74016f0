//! Sections that are not used for a while.
//!
//! The server offers such a section as `inactive` and uses it again later (RFC 8829 §5.2.2). The `webrtc` crate stops a
//! transceiver for good when its section is inactive; so the crate is told that the section goes on, and the server is told
//! what it has to be told: `inactive`.

use std::collections::{HashMap, HashSet};

/// The directions of a section in use.
const USES: [&str; 3] = ["a=sendonly", "a=recvonly", "a=sendrecv"];

/// What a server's offer says, and what the crate is to read of it.
#[derive(Debug, Default)]
pub struct Sections {
    /// The mids of sections that have been in use, and the line that says which way.
    used: HashMap<String, &'static str>,
    /// Of those, the ones the last offer does not use.
    idle: HashSet<String>,
}

impl Sections {
    /// The offer for the crate.
    #[must_use]
    pub fn offer(&mut self, sdp: &str) -> String {
        self.idle.clear();
        rewrite(sdp, |mid, direction| {
            if let Some(line) = USES
                .iter()
                .find(|line| line.strip_prefix("a=") == Some(direction))
            {
                self.used.insert(mid.to_owned(), line);
                return None;
            }
            let line = *self.used.get(mid)?;
            self.idle.insert(mid.to_owned());
            Some(line)
        })
    }

    /// The crate's answer for the server.
    #[must_use]
    pub fn answer(&self, sdp: &str) -> String {
        rewrite(sdp, |mid, _| self.idle.contains(mid).then_some("a=inactive"))
    }
}

/// Writes the lines `change` gives a section's mid and direction in the place of its direction.
fn rewrite(sdp: &str, mut change: impl FnMut(&str, &str) -> Option<&'static str>) -> String {
    let mut lines: Vec<&str> = sdp.lines().collect();
    let starts: Vec<usize> = (0..lines.len())
        .filter(|&at| lines[at].starts_with("m="))
        .chain([lines.len()])
        .collect();
    for section in starts.windows(2) {
        let (start, end) = (section[0], section[1]);
        let mid = lines[start..end]
            .iter()
            .find_map(|line| line.strip_prefix("a=mid:"));
        let at = (start..end).find(|&at| direction(lines[at]).is_some());
        if let (Some(mid), Some(at)) = (mid, at) {
            lines[at] = change(mid, direction(lines[at]).unwrap_or_default()).unwrap_or(lines[at]);
        }
    }
    lines.join("\r\n") + "\r\n"
}

fn direction(line: &str) -> Option<&str> {
    let word = line.strip_prefix("a=")?;
    ["sendrecv", "sendonly", "recvonly", "inactive"]
        .contains(&word)
        .then_some(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sdp(directions: [&str; 2]) -> String {
        let [first, second] = directions;
        format!(
            "v=0\r\na=inactive\r\nm=audio 9 X 1\r\na=mid:0\r\na={first}\r\nm=video 9 X 2\r\na={second}\r\na=mid:1\r\n"
        )
    }

    #[test]
    fn a_section_that_was_used_stays_open_for_the_crate_and_inactive_for_the_server() {
        let mut sections = Sections::default();
        let used = sdp(["sendonly", "sendonly"]);
        assert_eq!(sections.offer(&used), used);
        assert_eq!(
            sections.answer(&sdp(["recvonly", "recvonly"])),
            sdp(["recvonly", "recvonly"])
        );
        assert_eq!(sections.offer(&sdp(["sendonly", "inactive"])), used);
        assert_eq!(
            sections.answer(&sdp(["recvonly", "recvonly"])),
            sdp(["recvonly", "inactive"])
        );
        assert_eq!(sections.offer(&used), used);
        assert_eq!(
            sections.answer(&sdp(["recvonly", "recvonly"])),
            sdp(["recvonly", "recvonly"])
        );
    }

    #[test]
    fn a_section_that_we_sent_in_stays_open_that_way() {
        let mut sections = Sections::default();
        let used = sdp(["recvonly", "sendonly"]);
        assert_eq!(sections.offer(&used), used);
        assert_eq!(sections.offer(&sdp(["inactive", "sendonly"])), used);
        let ours = sdp(["sendonly", "recvonly"]);
        assert_eq!(sections.answer(&ours), sdp(["inactive", "recvonly"]));
    }

    #[test]
    fn a_section_that_was_never_used_is_left_alone() {
        let mut sections = Sections::default();
        let offer = sdp(["sendonly", "inactive"]);
        assert_eq!(sections.offer(&offer), offer);
        assert_eq!(sections.answer(&offer), offer);
    }
}
