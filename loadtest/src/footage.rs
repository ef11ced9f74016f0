//! Makes the robot teacher's footage: a drawn teacher who speaks Mandarin before a blackboard, her slides, and flashes with
//! beeps for tests. `espeak-ng` speaks; `ffmpeg` (with libass, libx264 and libopus) draws and encodes.

pub mod ass;
pub mod classroom;
pub mod diagram;
pub mod figure;
pub mod layers;
pub mod script;
pub mod slides;
pub mod tools;
pub mod voice;

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use serde::{Deserialize, Serialize};

use self::script::Timeline;
use self::tools::{Encoding, Sound};

/// Raised when the footage changes, so that what was made before is made anew.
const VERSION: u32 = 2;
const STAMP: &str = "footage.json";
/// Length of a flash and its beep.
const FLASH_MS: u32 = 100;

/// What is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Pattern {
    /// A lesson on fractions.
    Lesson,
    /// A white flash and a beep at each full second, for tests that measure.
    FlashBeep,
}

/// What was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Made {
    /// Camera and voice.
    pub camera: PathBuf,
    /// The screen.
    pub screen: PathBuf,
    /// It was there already.
    pub cached: bool,
}

/// What the stamp file says.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Stamp {
    version: u32,
    pattern: Pattern,
    seconds: Option<u64>,
}

/// Makes `lesson.mp4`, its smaller layers and `screen.mp4` in `directory`, unless they are there.
///
/// `seconds` cuts or repeats the lesson; without it the lesson is as long as it takes to say it, which loops well.
///
/// # Errors
///
/// When a program it needs is missing (its Debian package is named) or fails.
pub fn make(directory: &Path, pattern: Pattern, seconds: Option<u64>) -> anyhow::Result<Made> {
    let made = |cached| Made {
        camera: directory.join("lesson.mp4"),
        screen: directory.join("screen.mp4"),
        cached,
    };
    let stamp = Stamp {
        version: VERSION,
        pattern,
        seconds,
    };
    let stamp_file = directory.join(STAMP);
    let known: Option<Stamp> = std::fs::read(&stamp_file)
        .ok()
        .and_then(|text| serde_json::from_slice(&text).ok());
    let there = made(true);
    if known.as_ref() == Some(&stamp) && there.camera.exists() && there.screen.exists() {
        layers::beside(&there.camera)?;
        return Ok(there);
    }
    std::fs::create_dir_all(directory).with_context(|| format!("cannot make {}", directory.display()))?;
    let work = directory.join("making");
    std::fs::create_dir_all(&work)?;
    match pattern {
        Pattern::Lesson => make_lesson(&work, seconds)?,
        Pattern::FlashBeep => make_flashes(&work, seconds.unwrap_or(10).max(1))?,
    }
    // Only what is whole gets its name.
    for made in [&there.camera, &there.screen] {
        let name = made.file_name().context("a file has a name")?;
        std::fs::rename(work.join(name), made)?;
    }
    std::fs::write(&stamp_file, serde_json::to_vec_pretty(&stamp)?)?;
    std::fs::remove_dir_all(&work)?;
    layers::beside(&there.camera)?;
    Ok(made(false))
}

fn make_lesson(work: &Path, seconds: Option<u64>) -> anyhow::Result<()> {
    tools::check_font()?;
    let (timeline, voice) = Timeline::speak(work, seconds.map(Duration::from_secs))?;
    voice.write(&work.join("voice.wav"))?;
    let levels = voice.levels(classroom::STEP);
    std::fs::write(work.join("lesson.ass"), classroom::draw(&timeline, &levels))?;
    std::fs::write(work.join("screen.ass"), slides::draw(&timeline))?;
    Encoding {
        name: "lesson.mp4",
        size: (1_280, 720),
        rate: 25,
        kbps: 1_500,
        length: timeline.length,
        // A camera's grain, which also makes the bitrate that of a camera.
        filter: "ass=lesson.ass,noise=alls=5:allf=t",
        sound: Some(Sound::File("voice.wav")),
    }
    .run(work)?;
    Encoding {
        name: "screen.mp4",
        size: (1_920, 1_080),
        rate: 10,
        kbps: 800,
        length: timeline.length,
        filter: "ass=screen.ass",
        sound: None,
    }
    .run(work)
}

fn make_flashes(work: &Path, seconds: u64) -> anyhow::Result<()> {
    let length = Duration::from_secs(seconds);
    let on = f64::from(FLASH_MS) / 1_000.0;
    // Frames lie on multiples of 40 ms; half a frame of slack keeps the comparison off the edge.
    let flash = format!("drawbox=w=iw:h=ih:color=white:t=fill:enable='lt(mod(t+0.02,1),{on})'");
    let beep = format!("aevalsrc='0.5*sin(2*PI*1000*t)*lt(mod(t,1),{on})':s=48000");
    let moving = "drawbox=x='mod(t*200,iw)':y=ih-80:w=60:h=60:color=yellow:t=fill";
    Encoding {
        name: "lesson.mp4",
        size: (1_280, 720),
        rate: 25,
        kbps: 1_500,
        length,
        filter: &format!("{moving},{flash},noise=alls=8:allf=t"),
        sound: Some(Sound::Generated(&beep)),
    }
    .run(work)?;
    Encoding {
        name: "screen.mp4",
        size: (1_920, 1_080),
        rate: 25,
        kbps: 800,
        length,
        filter: &flash,
        sound: None,
    }
    .run(work)
}
