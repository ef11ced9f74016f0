//! Fuzzing of everything the network says to the engine.
//!
//! A target takes bytes and may not panic. `corpus/{target}/` holds inputs that programs really sent, and each input that ever broke
//! something. `cargo test -p tongke-fuzz` replays them with some changes of each, from a fixed seed; `cargo run -p tongke-fuzz -- 600 rtp`
//! goes on for ten minutes with changes nobody saw before. It builds on stable Rust; a target is a plain function, so that a
//! coverage-guided fuzzer can call it as well.

mod change;

use std::path::{Path, PathBuf};

pub use change::Changes;

/// A reader under test.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Its name, and that of its folder in the corpus.
    pub name: &'static str,
    /// Takes one input. A panic is a find.
    pub run: fn(&[u8]),
    /// Longest input that makes sense, in bytes.
    pub longest: usize,
}

/// All targets.
pub const TARGETS: [Target; 9] = [
    Target {
        name: "stun",
        run: sfu::testing::fuzz::stun,
        longest: 600,
    },
    Target {
        name: "frames",
        run: sfu::testing::fuzz::frames,
        longest: 8_000,
    },
    Target {
        name: "turn",
        run: sfu::testing::fuzz::turn,
        longest: 8_000,
    },
    Target {
        name: "dtls",
        run: sfu::testing::fuzz::dtls,
        longest: 8_000,
    },
    Target {
        name: "rtp",
        run: sfu::testing::fuzz::rtp,
        longest: 1_500,
    },
    Target {
        name: "descriptors",
        run: sfu::testing::fuzz::descriptors,
        longest: 2_000,
    },
    Target {
        name: "rtcp",
        run: sfu::testing::fuzz::rtcp,
        longest: 1_500,
    },
    Target {
        name: "sdp",
        run: sfu::testing::fuzz::sdp,
        longest: 65_536,
    },
    Target {
        name: "tap",
        run: tap,
        longest: 65_536,
    },
];

/// A frame of the stream to a recorder.
fn tap(bytes: &[u8]) {
    let Ok(frame) = protocol::tap::Frame::decode(bytes) else {
        return;
    };
    if let protocol::tap::Frame::Rtp { track, packet, .. } = frame {
        let mut out = Vec::new();
        let again = frame.encode(&mut out);
        assert!(
            again.is_ok() && out[2..] == *bytes,
            "track {track}, {} bytes",
            packet.len()
        );
    }
}

/// The folder of a target's inputs.
#[must_use]
pub fn folder(target: &Target) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("corpus")
        .join(target.name)
}

/// A target's inputs, in the order of their names.
///
/// # Errors
///
/// When the folder or a file cannot be read.
pub fn corpus(target: &Target) -> std::io::Result<Vec<(PathBuf, Vec<u8>)>> {
    let mut paths = std::fs::read_dir(folder(target))?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<Vec<_>, _>>()?;
    paths.sort();
    paths
        .into_iter()
        .map(|path| std::fs::read(&path).map(|bytes| (path, bytes)))
        .collect()
}
