//! The programs the footage is made with.

use std::ffi::OsStr;
use std::io::ErrorKind;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, bail};

/// Where fonts are, on Linux.
const FONTS: [&str; 2] = ["/usr/share/fonts", "/usr/local/share/fonts"];
/// Parts of the file names of fonts that have Chinese.
const CHINESE: [&str; 4] = ["CJK", "SourceHan", "wqy", "NotoSansSC"];
const DEEPEST: u32 = 6;

/// Runs a program to its end.
///
/// # Errors
///
/// When it is missing, in which case `package` (of Debian) is named, or when it fails, with what it said last.
pub fn run<I>(program: &str, package: &str, directory: &Path, arguments: I) -> anyhow::Result<()>
where
    I: IntoIterator,
    I::Item: AsRef<OsStr>,
{
    let output = Command::new(program)
        .args(arguments)
        .current_dir(directory)
        .stdin(Stdio::null())
        .output();
    let output = match output {
        Ok(output) => output,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            bail!("{program} is missing; on Debian: apt-get install {package}")
        }
        Err(error) => return Err(error).context(format!("cannot run {program}")),
    };
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        let last: Vec<&str> = said.lines().rev().take(5).collect();
        let last: Vec<&str> = last.into_iter().rev().collect();
        bail!("{program} failed ({}): {}", output.status, last.join(" | "));
    }
    Ok(())
}

/// Makes sure that Chinese can be drawn.
///
/// # Errors
///
/// When no font for it is installed.
pub fn check_font() -> anyhow::Result<()> {
    if FONTS.iter().any(|folder| has_chinese(Path::new(folder), DEEPEST)) {
        return Ok(());
    }
    bail!("no font with Chinese is installed; on Debian: apt-get install fonts-noto-cjk")
}

fn has_chinese(folder: &Path, deep: u32) -> bool {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return false;
    };
    entries.flatten().any(|entry| {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        CHINESE.iter().any(|part| name.contains(part)) || (deep > 0 && has_chinese(&entry.path(), deep - 1))
    })
}

/// Where the sound comes from.
#[derive(Clone, Copy, Debug)]
pub enum Sound<'a> {
    /// A file.
    File(&'a str),
    /// An expression of ffmpeg's `lavfi`.
    Generated(&'a str),
}

/// A file to encode, in the way a live source has to be: constrained baseline, a keyframe every half
/// second (a file cannot make one when it is asked for), no B frames.
#[derive(Clone, Copy, Debug)]
pub struct Encoding<'a> {
    /// Its name.
    pub name: &'a str,
    /// Pixels.
    pub size: (u32, u32),
    /// Frames per second.
    pub rate: u32,
    /// Bitrate of the picture at most.
    pub kbps: u32,
    /// Its length.
    pub length: Duration,
    /// What draws the picture, as ffmpeg filters over black.
    pub filter: &'a str,
    /// Sound.
    pub sound: Option<Sound<'a>>,
}

impl Encoding<'_> {
    /// Encodes in `directory`, where all files are.
    ///
    /// # Errors
    ///
    /// When ffmpeg is missing or fails.
    pub fn run(&self, directory: &Path) -> anyhow::Result<()> {
        let Self {
            size: (width, height),
            rate,
            kbps,
            ..
        } = *self;
        let source = format!("color=c=black:s={width}x{height}:r={rate},format=yuv420p");
        let length = format!("{:.3}", self.length.as_secs_f64());
        let mut arguments: Vec<String> = Vec::new();
        let mut add = |text: &str| arguments.extend(text.split(' ').map(str::to_owned));
        add("-hide_banner -loglevel error -nostdin -y -f lavfi -i");
        add(&source);
        match self.sound {
            Some(Sound::File(name)) => add(&format!("-i {name}")),
            Some(Sound::Generated(expression)) => add(&format!("-f lavfi -i {expression}")),
            None => {}
        }
        add(&format!(
            "-t {length} -vf {} -c:v libx264 -profile:v baseline -preset superfast -pix_fmt yuv420p -bf 0",
            self.filter
        ));
        let between = rate / 2;
        add(&format!(
            "-g {between} -keyint_min {between} -sc_threshold 0 -b:v {kbps}k -maxrate {kbps}k -bufsize {}k",
            kbps / 2
        ));
        if self.sound.is_some() {
            add("-c:a libopus -b:a 48k -ac 1 -ar 48000 -application voip -frame_duration 20");
        }
        add("-movflags +faststart");
        add(self.name);
        run("ffmpeg", "ffmpeg", directory, arguments)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_program_is_named_with_its_package() {
        let error = run("tongke-no-such-program", "no-such-package", Path::new("/"), ["x"])
            .expect_err("it is missing")
            .to_string();
        assert!(error.contains("tongke-no-such-program is missing") && error.contains("no-such-package"));
    }

    #[test]
    fn a_failing_program_is_quoted() {
        let error = run("sh", "dash", Path::new("/"), ["-c", "echo why >&2; exit 3"])
            .expect_err("it fails")
            .to_string();
        assert!(error.contains("why"), "{error}");
    }
}
