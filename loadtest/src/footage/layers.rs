//! The smaller layers of a camera: the same pictures as in its file, with keyframes at the same moments, in files beside it.

use std::path::{Path, PathBuf};

use anyhow::Context as _;

use super::tools;
use crate::media::clip::Clip;

/// What a layer is called on the wire (RFC 8852), from the largest on: as in the server's offers to browsers.
pub const RIDS: [&str; 3] = ["f", "h", "q"];

/// Beside the file itself: how many times fewer lines a layer has, and its share of the bitrate in percent, as the pages ask of browsers.
const SMALLER: [(u32, u64); 2] = [(2, 30), (4, 10)];
/// The least bitrate, in kbit/s, that is worth asking of an encoder.
const LEAST_KBPS: u64 = 50;

/// The smaller layers of `file`, from the larger to the least. They are made where they are missing or older than it.
///
/// # Errors
///
/// When the file has no H264, or ffmpeg is missing or fails.
pub fn beside(file: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut kbps = None;
    let mut layers = Vec::new();
    for ((divisor, percent), rid) in SMALLER.into_iter().zip(&RIDS[1..]) {
        let layer = file.with_extension(format!("{rid}.mp4"));
        if is_old(&layer, file) {
            let whole = match kbps {
                Some(known) => known,
                None => *kbps.insert(Clip::read(file)?.bits_per_second() / 1_000),
            };
            let share = (whole * percent / 100).max(LEAST_KBPS);
            make(file, &layer, divisor, share).with_context(|| format!("cannot make {}", layer.display()))?;
        }
        layers.push(layer);
    }
    Ok(layers)
}

/// Whether a file is missing, or older than what it is made of.
fn is_old(file: &Path, of: &Path) -> bool {
    let modified = |path: &Path| std::fs::metadata(path).and_then(|known| known.modified()).ok();
    modified(file).is_none_or(|made| modified(of).is_some_and(|of| made < of))
}

fn make(file: &Path, layer: &Path, divisor: u32, kbps: u64) -> anyhow::Result<()> {
    let directory = match file.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let name = |path: &Path| path.file_name().map(PathBuf::from).context("a file has a name");
    // Only what is whole gets its name.
    let unfinished = name(&layer.with_extension("making.mp4"))?;
    let scale = format!("scale=trunc(iw/{divisor}/2)*2:trunc(ih/{divisor}/2)*2");
    let rate = format!("-b:v {kbps}k -maxrate {kbps}k -bufsize {}k", kbps / 2);
    let before = "-hide_banner -loglevel error -nostdin -y -i";
    // A keyframe where the file has one, and nowhere else.
    let encode = "-c:v libx264 -profile:v baseline -preset superfast -pix_fmt yuv420p -bf 0 -sc_threshold 0 \
                  -g 100000 -force_key_frames source -fps_mode passthrough -an -movflags +faststart";
    let words = |text: &str| {
        text.split_whitespace()
            .map(str::to_owned)
            .collect::<Vec<String>>()
    };
    let mut arguments: Vec<std::ffi::OsString> = words(before).into_iter().map(Into::into).collect();
    arguments.push(name(file)?.into());
    arguments.extend(["-vf", &scale].map(Into::into));
    arguments.extend(words(&rate).into_iter().chain(words(encode)).map(Into::into));
    arguments.push(unfinished.clone().into());
    tools::run("ffmpeg", "ffmpeg", directory, arguments)?;
    std::fs::rename(directory.join(unfinished), layer)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, SystemTime};

    #[test]
    fn a_layer_is_made_anew_when_its_file_is_newer() {
        let folder = tempfile::tempdir().expect("a folder");
        let (file, layer) = (folder.path().join("a.mp4"), folder.path().join("a.h.mp4"));
        std::fs::write(&file, "1").expect("written");
        assert!(is_old(&layer, &file), "missing");
        let made = std::fs::File::create(&layer).expect("written");
        let at = |offset: u64| SystemTime::UNIX_EPOCH + Duration::from_secs(offset);
        let source = std::fs::File::options().write(true).open(&file).expect("opened");
        source.set_modified(at(100)).expect("set");
        made.set_modified(at(101)).expect("set");
        assert!(!is_old(&layer, &file));
        made.set_modified(at(99)).expect("set");
        assert!(is_old(&layer, &file));
    }
}
