//! The robot teacher's voice: 16-bit mono sound, spoken by `espeak-ng`.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, ensure};

use super::tools;

/// Words per minute and pitch of `espeak-ng`.
const SPEED: &str = "190";
const PITCH: &str = "62";
/// A level this high opens the mouth wide.
const LOUD: f64 = 6_000.0;

/// Some sound.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Voice {
    /// Samples per second; 0 while there is nothing.
    pub rate: u32,
    /// Samples.
    pub samples: Vec<i16>,
}

impl Voice {
    /// Speaks a sentence.
    ///
    /// # Errors
    ///
    /// When `espeak-ng` is missing or fails.
    pub fn say(work: &Path, text: &str) -> anyhow::Result<Self> {
        let arguments = ["-v", "cmn", "-s", SPEED, "-p", PITCH, "-w", "sentence.wav", text];
        tools::run("espeak-ng", "espeak-ng", work, arguments)?;
        let file = work.join("sentence.wav");
        Self::parse(&std::fs::read(&file)?).context("espeak-ng made no readable sound")
    }

    fn parse(wav: &[u8]) -> anyhow::Result<Self> {
        ensure!(wav.len() > 12 && &wav[8..12] == b"WAVE", "not a WAV file");
        let mut rate = 0;
        let mut rest = &wav[12..];
        while let Some((head, tail)) = rest.split_first_chunk::<8>() {
            let length = u32::from_le_bytes([head[4], head[5], head[6], head[7]]);
            let length = usize::try_from(length)?.min(tail.len());
            let body = &tail[..length];
            match &head[..4] {
                b"fmt " if length >= 16 => {
                    ensure!(body[2] == 1 && body[14] == 16, "not 16-bit mono");
                    rate = u32::from_le_bytes([body[4], body[5], body[6], body[7]]);
                }
                b"data" => {
                    ensure!(rate > 0, "data before format");
                    let samples = body
                        .chunks_exact(2)
                        .map(|pair| i16::from_le_bytes([pair[0], pair[1]]))
                        .collect();
                    return Ok(Self { rate, samples });
                }
                _ => {}
            }
            rest = tail.get(length + (length & 1)..).unwrap_or_default();
        }
        anyhow::bail!("no sound in it")
    }

    /// Writes it as a WAV file.
    ///
    /// # Errors
    ///
    /// When the file cannot be written.
    pub fn write(&self, file: &Path) -> anyhow::Result<()> {
        let data = u32::try_from(self.samples.len() * 2).context("too long")?;
        let mut out = Vec::with_capacity(self.samples.len() * 2 + 44);
        out.extend_from_slice(b"RIFF");
        out.extend_from_slice(&(data + 36).to_le_bytes());
        out.extend_from_slice(b"WAVEfmt ");
        out.extend_from_slice(&16_u32.to_le_bytes());
        out.extend_from_slice(&1_u16.to_le_bytes());
        out.extend_from_slice(&1_u16.to_le_bytes());
        out.extend_from_slice(&self.rate.to_le_bytes());
        out.extend_from_slice(&(self.rate * 2).to_le_bytes());
        out.extend_from_slice(&2_u16.to_le_bytes());
        out.extend_from_slice(&16_u16.to_le_bytes());
        out.extend_from_slice(b"data");
        out.extend_from_slice(&data.to_le_bytes());
        out.extend(self.samples.iter().flat_map(|sample| sample.to_le_bytes()));
        std::fs::write(file, out).with_context(|| format!("cannot write {}", file.display()))
    }

    /// How long it is.
    #[must_use]
    pub fn length(&self) -> Duration {
        let samples = u32::try_from(self.samples.len()).unwrap_or(u32::MAX);
        Duration::from_secs_f64(f64::from(samples) / f64::from(self.rate.max(1)))
    }

    /// Appends another voice of the same rate.
    pub fn append(&mut self, other: &Self) {
        self.rate = other.rate;
        self.samples.extend_from_slice(&other.samples);
    }

    /// Makes it exactly so long, with silence or by cutting.
    pub fn resize(&mut self, length: Duration) {
        let nanos = length.as_nanos() * u128::from(self.rate) / 1_000_000_000;
        self.samples.resize(usize::try_from(nanos).unwrap_or(0), 0);
    }

    /// How loud each step of time is, 0 to 1.
    #[must_use]
    pub fn levels(&self, step: Duration) -> Vec<f64> {
        let each = step.as_nanos() * u128::from(self.rate) / 1_000_000_000;
        let each = usize::try_from(each).unwrap_or(1).max(1);
        self.samples
            .chunks(each)
            .map(|chunk| {
                let power: f64 = chunk.iter().map(|&sample| f64::from(sample).powi(2)).sum();
                let count = u32::try_from(chunk.len()).unwrap_or(1).max(1);
                ((power / f64::from(count)).sqrt() / LOUD).min(1.0)
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("a.wav");
        let voice = Voice {
            rate: 22_050,
            samples: vec![1, -2, 30_000, i16::MIN],
        };
        voice.write(&file).expect("written");
        let read = Voice::parse(&std::fs::read(&file).expect("there")).expect("readable");
        assert_eq!(read, voice);
    }

    #[test]
    fn damaged_files_are_refused() {
        assert!(Voice::parse(b"RIFF").is_err());
        assert!(Voice::parse(b"RIFF\0\0\0\0WAVEdata\x04\0\0\0\0\0\0\0").is_err());
    }

    #[test]
    fn levels_follow_the_sound() {
        let mut voice = Voice {
            rate: 1_000,
            samples: vec![0; 40],
        };
        voice.samples.extend([20_000; 40]);
        let levels = voice.levels(Duration::from_millis(40));
        assert_eq!(levels, [0.0, 1.0]);
        voice.resize(Duration::from_millis(120));
        assert_eq!(voice.samples.len(), 120);
    }
}
