//! Judges a recording by its content: ffmpeg decodes it, flashes and beeps are found, holes and errors counted.

use std::path::{Path, PathBuf};
use std::process::Command;

use protocol::journal::{self, RecordedTrack, Recording};

/// A recorded track and what is seen or heard in it.
pub struct Judged {
    pub recording: Recording,
    dir: PathBuf,
}

pub fn read(dir: &Path) -> Judged {
    let bytes = std::fs::read(dir.join(journal::FILE)).expect("there is a journal");
    Judged {
        recording: Recording::read(&bytes),
        dir: dir.to_path_buf(),
    }
}

impl Judged {
    pub fn track(&self, slug: &str) -> &RecordedTrack {
        let found = self
            .recording
            .tracks
            .iter()
            .find(|track| track.key.slug() == slug);
        found.unwrap_or_else(|| panic!("{slug} was recorded"))
    }

    /// Each epoch as a file of its own: init segment and segments.
    pub fn epochs(&self, slug: &str) -> Vec<PathBuf> {
        let track = self.track(slug);
        let media = std::fs::read(self.dir.join(journal::media_file(slug))).expect("there is media");
        let cut = |offset: u64, length: u64| {
            let from = usize::try_from(offset).expect("small");
            media[from..from + usize::try_from(length).expect("small")].to_vec()
        };
        let mut files = Vec::new();
        for (index, init) in track.inits.iter().enumerate() {
            let mut bytes = cut(init.offset, init.length);
            for segment in track.segments.iter().filter(|segment| segment.init == index) {
                let (offset, length) = segment.range();
                bytes.extend(cut(offset, length));
            }
            let path = self.dir.join(format!("judged-{slug}-{index}.mp4"));
            std::fs::write(&path, bytes).expect("writable");
            files.push(path);
        }
        files
    }

    /// No part begins elsewhere than where the one before ends; the track begins at zero and ends at the end of all.
    pub fn assert_no_hole(&self, slug: &str, end_us: u64, tolerance_us: u64) {
        let track = self.track(slug);
        let mut at_us = 0;
        for part in track.segments.iter().flat_map(|segment| &segment.parts) {
            let off_us = part.at_us.abs_diff(at_us);
            assert!(off_us <= 2_500, "{slug}: a hole of {off_us} µs at {at_us} µs");
            at_us = part.end_us();
        }
        assert!(
            at_us.abs_diff(end_us) <= tolerance_us,
            "{slug} ends at {at_us}, not {end_us} µs"
        );
        for segment in &track.segments {
            assert!(
                segment.complete && segment.parts[0].independent,
                "{slug}: every segment stands alone"
            );
        }
    }

    /// ffmpeg decodes everything without a word.
    pub fn assert_decodes(&self, slug: &str) {
        for file in self.epochs(slug) {
            let mut run = Command::new("ffmpeg");
            run.args(["-v", "warning", "-xerror", "-i"]).arg(&file);
            let output = run
                .args(["-f", "null", "-"])
                .output()
                .expect("ffmpeg is installed");
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(
                output.status.success() && said.trim().is_empty(),
                "{}: {said}",
                file.display()
            );
        }
    }

    /// One decoder goes over all epochs, as they lie in the media file, and sees `pictures`.
    pub fn assert_decodes_whole(&self, slug: &str, pictures: usize) {
        let mut run = Command::new("ffmpeg");
        run.args(["-v", "error", "-i"])
            .arg(self.dir.join(journal::media_file(slug)));
        let filter = "metadata=add:key=seen:value=1,metadata=print:key=seen:file=-";
        run.args(["-vf", filter, "-fps_mode", "passthrough", "-f", "null", "-"]);
        let output = run.output().expect("ffmpeg is installed");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(said.trim().is_empty(), "{slug}: {said}");
        let seen = String::from_utf8_lossy(&output.stdout)
            .matches("pts_time:")
            .count();
        assert_eq!(seen, pictures, "{slug}: pictures");
    }

    /// Times at which a flash begins, in microseconds. Filling is not looked at: it may repeat one.
    pub fn flashes(&self, slug: &str) -> Vec<u64> {
        let filter = "signalstats,metadata=print:key=lavfi.signalstats.YAVG:file=-";
        let mut levels = self.levels(slug, "-vf", filter, "lavfi.signalstats.YAVG=");
        let spans = self.track(slug).spans_us();
        levels.retain(|(at_us, _)| spans.iter().any(|span| (span[0]..span[1]).contains(at_us)));
        onsets(&levels, |level| level > 128.0)
    }

    /// Times at which a beep begins, in microseconds: those of the packets it is in.
    pub fn beeps(&self, slug: &str) -> Vec<u64> {
        let filter = "astats=metadata=1:reset=1,ametadata=print:key=lavfi.astats.Overall.RMS_level:file=-";
        let levels = self.levels(slug, "-af", filter, "lavfi.astats.Overall.RMS_level=");
        onsets(&levels, |level| level > -25.0)
    }

    /// Time and level of each frame.
    pub fn levels(&self, slug: &str, option: &str, filter: &str, key: &str) -> Vec<(u64, f64)> {
        let mut levels = Vec::new();
        for file in self.epochs(slug) {
            let mut run = Command::new("ffmpeg");
            run.args(["-v", "error", "-copyts", "-i"]).arg(&file);
            run.args([option, filter, "-fps_mode", "passthrough", "-f", "null", "-"]);
            let output = run.output().expect("ffmpeg is installed");
            let mut at_us = 0;
            for line in String::from_utf8_lossy(&output.stdout).lines() {
                if let Some((_, seconds)) = line.split_once("pts_time:") {
                    let seconds: f64 = seconds.trim().parse().expect("a number");
                    #[allow(
                        clippy::cast_possible_truncation,
                        clippy::cast_sign_loss,
                        reason = "a time of class"
                    )]
                    let us = (seconds * 1e6).round() as u64;
                    at_us = us;
                } else if let Some(level) = line.strip_prefix(key) {
                    levels.push((at_us, level.trim().parse().unwrap_or(f64::NEG_INFINITY)));
                }
            }
        }
        levels
    }
}

fn onsets(levels: &[(u64, f64)], on: impl Fn(f64) -> bool) -> Vec<u64> {
    let mut was = false;
    let mut onsets = Vec::new();
    for &(at_us, level) in levels {
        let is = on(level);
        if is && !was {
            onsets.push(at_us);
        }
        was = is;
    }
    onsets
}

/// Largest distance of each of `times` from the `expected` one nearest to it.
pub fn skew_us(times: &[u64], expected: &[u64]) -> u64 {
    let nearest = |time: u64| {
        expected
            .iter()
            .map(|other| other.abs_diff(time))
            .min()
            .unwrap_or(u64::MAX)
    };
    times.iter().map(|&time| nearest(time)).max().unwrap_or(u64::MAX)
}
