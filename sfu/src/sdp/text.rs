//! From text to lines: bounds, and which line is wrong.

use std::io::Cursor;

use rtc_sdp::SessionDescription;
use rtc_shared::error::Error;

use super::error::{Place, SdpError, excerpt};

/// Longest SDP read, in bytes. Chromium's answer to a teacher who sees 100 classrooms has 200 sections and about 400 kB.
pub(super) const LONGEST_TEXT: usize = 1024 * 1024;

/// Most media sections read.
pub(super) const MOST_SECTIONS: usize = 256;

/// Reads a whole session description.
pub(super) fn parse(text: &str) -> Result<SessionDescription, SdpError> {
    if text.len() > LONGEST_TEXT {
        return Err(SdpError::TooLong {
            bytes: text.len(),
            limit: LONGEST_TEXT,
        });
    }
    check_letters(text)?;
    let description = unmarshal(text).map_err(|error| locate(text, &error))?;
    let sections = description.media_descriptions.len();
    if sections > MOST_SECTIONS {
        return Err(SdpError::Unusable {
            place: Place::Session,
            what: format!("{sections} media sections"),
            accepted: "at most 256 are read",
        });
    }
    Ok(description)
}

fn unmarshal(text: &str) -> Result<SessionDescription, Error> {
    SessionDescription::unmarshal(&mut Cursor::new(text))
}

/// What is repeated in an answer must not smuggle in lines of its own.
fn check_letters(text: &str) -> Result<(), SdpError> {
    for (index, line) in text.lines().enumerate() {
        if line.chars().any(|letter| letter.is_control() && letter != '\t') {
            return Err(at_line(
                index,
                line,
                "a control character; lines end with CR LF".to_owned(),
            ));
        }
    }
    Ok(())
}

/// Which line made `unmarshal` fail: the last of the shortest beginning that fails for another reason than its end.
fn locate(text: &str, error: &Error) -> SdpError {
    if ends_early(error) {
        return SdpError::Missing {
            place: Place::Session,
            what: "the beginning of a session (v=, o=, s=, t=)",
            accepted: "v=0 as first line",
        };
    }
    let ends: Vec<usize> = text
        .match_indices('\n')
        .map(|(at, _)| at + 1)
        .chain([text.len()])
        .collect();
    let index =
        ends.partition_point(|end| unmarshal(&text[..*end]).map_or_else(|e| ends_early(&e), |_| true));
    let line = text.lines().nth(index).unwrap_or_default();
    at_line(index, line, explain(line))
}

fn ends_early(error: &Error) -> bool {
    matches!(error, Error::SdpInvalidSyntax(key) if key.is_empty())
}

fn explain(line: &str) -> String {
    let expected = match line.as_bytes() {
        [b'v', b'=', ..] => "v=0",
        [b'o', b'=', ..] => "o=<name> <id> <version> IN IP4|IP6 <address>, as second line",
        [b'm', b'=', ..] => "m=audio|video|application <port> <protocol> <format> …",
        [b'c', b'=', ..] => "c=IN IP4|IP6 <address>, before the attributes of its section",
        [b't', b'=', ..] => "t=0 0, before attributes",
        [b'b', b'=', ..] => "b=<kind>:<number>, before the attributes of its section",
        [b'a', b'=', ..] => "attributes after t= or m=",
        [_, b'=', ..] => "the lines v, o, s, t, then attributes, then m= with its attributes",
        _ => "a letter and =, as in a=mid:0",
    };
    format!("not understood here; accepted is {expected}")
}

fn at_line(index: usize, line: &str, problem: String) -> SdpError {
    let start = match line.split_once([':', ' ']) {
        Some((start, _)) => start,
        None => line.get(..2).unwrap_or_default(),
    };
    SdpError::Line {
        number: index + 1,
        start: excerpt(start),
        problem,
    }
}
