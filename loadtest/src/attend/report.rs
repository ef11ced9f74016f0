//! What is said after an attendance, for people and as JSON.

use std::fmt::Write as _;
use std::time::Duration;

use serde::Serialize;

use super::run::Via;
use super::stats::Percentiles;
use super::timeline::Sample;

/// The whole report.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Report {
    /// How the classrooms came in.
    pub via: Via,
    /// How long it was watched, in s.
    pub seconds: f64,
    /// Classrooms that got media.
    pub with_media: usize,
    /// Classrooms that got none.
    pub without_media: usize,
    /// What was decrypted and authenticated, not only counted.
    pub verified: Verified,
    /// Sums and percentiles over the classrooms.
    pub summary: Summary,
    /// The server's processor time while all were in, when it was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server_cpu: Option<ServerCpu>,
    /// This program's own processor time in s.
    pub own_cpu_s: f64,
    /// How it went over time.
    pub timeline: Vec<Sample>,
    /// Each classroom.
    pub classrooms: Vec<Classroom>,
}

/// What was opened: decrypted and authenticated. Of the others packets were counted by their headers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Verified {
    /// Classrooms that opened every packet.
    pub classrooms: usize,
    /// Packets they received, with those that were repaired.
    pub packets: u64,
    /// Packets that could not be opened, of all classrooms: others open what is sent again and reports.
    pub unopened: u64,
}

/// Over all classrooms.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Summary {
    /// From the request to the welcome of signalling, in ms.
    pub welcomed_ms: Percentiles,
    /// From the request to the connection, in ms.
    pub connected_ms: Percentiles,
    /// From the request to the first media packet, in ms.
    pub first_packet_ms: Percentiles,
    /// From the request to the first frame that could be shown, in ms.
    pub first_frame_ms: Percentiles,
    /// From the request of one that had left to the next frame that could be shown, in ms.
    pub returned_ms: Percentiles,
    /// Returns without a frame.
    pub returned_without_media: usize,
    /// Per classroom.
    pub freezes: Percentiles,
    /// Per classroom, in ms.
    pub frozen_ms: Percentiles,
    /// Of all sent, that never came in time, in 1/100.
    pub loss_percent: f64,
    /// Sums.
    pub total: Counters,
}

/// What the server spent.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct ServerCpu {
    /// How long was measured, in s: from when all classrooms were in to the end.
    pub seconds: f64,
    /// In user mode, in s.
    pub user_s: f64,
    /// In the kernel, in s.
    pub system_s: f64,
    /// Packets that reached the classrooms in that time.
    pub packets: u64,
    /// Both, per packet, in µs.
    pub us_per_packet: f64,
    /// In user mode, per packet, in µs.
    pub user_us_per_packet: f64,
    /// Resident memory at the end in KiB.
    pub resident_kib: u64,
}

/// One classroom.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Classroom {
    /// From 1.
    pub number: usize,
    /// It opened every packet.
    pub verified: bool,
    /// Packets it could not open.
    pub unopened: u64,
    /// Packets it sent.
    pub sent_packets: u64,
    /// From the request to the welcome of signalling, in ms.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub welcomed_ms: Option<f64>,
    /// From the request to the connection, in ms.
    pub connected_ms: Option<f64>,
    /// From the request to the first media packet, in ms.
    pub first_packet_ms: Option<f64>,
    /// From the request to the first frame that could be shown, in ms.
    pub first_frame_ms: Option<f64>,
    /// From each request of one that had left to the next frame that could be shown, in ms; null where none came.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub returned_ms: Vec<Option<f64>>,
    /// Sums over its streams.
    pub total: Counters,
    /// Its streams.
    pub streams: Vec<Stream>,
    /// How often it had to join anew.
    pub rejoins: u32,
    /// Why it got nothing, or no more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// One stream of a classroom.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Stream {
    /// `audio` or `video`.
    pub kind: &'static str,
    /// Its counters.
    #[serde(flatten)]
    pub counters: Counters,
}

/// What came of a stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Counters {
    /// Packets received, without repairs.
    pub packets: u64,
    /// Bytes of payload.
    pub bytes: u64,
    /// Packets that never came in time.
    pub lost: u64,
    /// Packets that were lost and repaired by retransmission in time.
    pub repaired: u64,
    /// Packets that came twice.
    pub duplicates: u64,
    /// Frames that could be shown (video).
    pub frames: u64,
    /// Frames that could not (video).
    pub broken_frames: u64,
    /// Frames that there were to show, by the time from one to the next (video).
    pub due_frames: u64,
    /// Freezes of the picture.
    pub freezes: u32,
    /// Their length in ms.
    pub frozen_ms: u64,
    /// The longest of them in ms.
    pub longest_freeze_ms: u64,
}

impl Counters {
    /// Adds another stream's.
    pub fn add(&mut self, other: &Self) {
        self.packets += other.packets;
        self.bytes += other.bytes;
        self.lost += other.lost;
        self.repaired += other.repaired;
        self.duplicates += other.duplicates;
        self.frames += other.frames;
        self.broken_frames += other.broken_frames;
        self.due_frames += other.due_frames;
        self.freezes += other.freezes;
        self.frozen_ms += other.frozen_ms;
        self.longest_freeze_ms = self.longest_freeze_ms.max(other.longest_freeze_ms);
    }
}

impl Classroom {
    /// What came of its streams of a kind.
    fn of_kind(&self, kind: &str) -> Counters {
        let mut total = Counters::default();
        for stream in self.streams.iter().filter(|stream| stream.kind == kind) {
            total.add(&stream.counters);
        }
        total
    }

    /// Of 100 packets of sound that were sent so many came in time, as they were or repaired; 0 without any.
    #[must_use]
    pub fn audio_whole_percent(&self) -> f64 {
        let sound = self.of_kind("audio");
        let came = sound.packets + sound.repaired;
        float(came) * 100.0 / float((came + sound.lost).max(1))
    }

    /// Of 100 frames that there were to show so many could be shown; 0 without any.
    #[must_use]
    pub fn video_rate_percent(&self) -> f64 {
        let pictures = self.of_kind("video");
        float(pictures.frames) * 100.0 / float(pictures.due_frames.max(1))
    }

    /// Bytes of pictures, without those of their packets' headers.
    #[must_use]
    pub fn video_bytes(&self) -> u64 {
        self.of_kind("video").bytes
    }
}

impl Report {
    /// Sums the classrooms up.
    #[must_use]
    pub fn of(via: Via, classrooms: Vec<Classroom>, elapsed: Duration) -> Self {
        let mut total = Counters::default();
        for classroom in &classrooms {
            total.add(&classroom.total);
        }
        let times = |of: fn(&Classroom) -> Option<f64>| Percentiles::of(classrooms.iter().filter_map(of));
        let returns = || {
            classrooms
                .iter()
                .flat_map(|classroom| classroom.returned_ms.iter().copied())
        };
        let with_media = classrooms
            .iter()
            .filter(|classroom| classroom.total.packets > 0)
            .count();
        let mut verified = Verified::default();
        for classroom in &classrooms {
            verified.unopened += classroom.unopened;
            if classroom.verified {
                verified.classrooms += 1;
                verified.packets += classroom.total.packets + classroom.total.repaired;
            }
        }
        let sent = total.packets + total.repaired + total.lost;
        let summary = Summary {
            welcomed_ms: times(|classroom| classroom.welcomed_ms),
            connected_ms: times(|classroom| classroom.connected_ms),
            first_packet_ms: times(|classroom| classroom.first_packet_ms),
            first_frame_ms: times(|classroom| classroom.first_frame_ms),
            returned_ms: Percentiles::of(returns().flatten()),
            returned_without_media: returns().filter(Option::is_none).count(),
            freezes: times(|classroom| Some(f64::from(classroom.total.freezes))),
            frozen_ms: times(|classroom| Some(float(classroom.total.frozen_ms))),
            loss_percent: float(total.lost) * 100.0 / float(sent.max(1)),
            total,
        };
        Self {
            via,
            seconds: elapsed.as_secs_f64(),
            with_media,
            without_media: classrooms.len() - with_media,
            verified,
            summary,
            server_cpu: None,
            own_cpu_s: 0.0,
            timeline: Vec::new(),
            classrooms,
        }
    }

    /// For people: a line per classroom (the worst first, at most `lines`) and the summary.
    #[must_use]
    pub fn text(&self, lines: usize) -> String {
        let mut out = String::new();
        // Writing to a String cannot fail.
        let _ = self.write(&mut out, lines);
        out
    }

    fn write(&self, out: &mut String, lines: usize) -> std::fmt::Result {
        let mut order: Vec<&Classroom> = self.classrooms.iter().collect();
        order.sort_by_key(|one| {
            (
                one.total.packets > 0,
                std::cmp::Reverse(one.total.lost),
                one.number,
            )
        });
        writeln!(
            out,
            "classroom  packet ms  frame ms   packets   lost  repaired   frames  freezes"
        )?;
        for one in order.iter().take(lines) {
            let total = &one.total;
            writeln!(
                out,
                "{:>9}  {:>9}  {:>8}  {:>8}  {:>5}  {:>8}  {:>7}  {:>7}{}",
                one.number,
                milliseconds(one.first_packet_ms),
                milliseconds(one.first_frame_ms),
                total.packets,
                total.lost,
                total.repaired,
                total.frames,
                total.freezes,
                one.error
                    .as_deref()
                    .map(|error| format!("  {error}"))
                    .unwrap_or_default()
            )?;
        }
        if order.len() > lines {
            writeln!(out, "      ... and {} more", order.len() - lines)?;
        }
        self.write_summary(out)
    }

    fn write_summary(&self, out: &mut String) -> std::fmt::Result {
        let summary = &self.summary;
        writeln!(out)?;
        for (name, percentiles) in [
            ("welcomed (ms)", summary.welcomed_ms),
            ("connected (ms)", summary.connected_ms),
            ("first packet (ms)", summary.first_packet_ms),
            ("first frame (ms)", summary.first_frame_ms),
            ("returned (ms)", summary.returned_ms),
            ("freezes", summary.freezes),
            ("frozen (ms)", summary.frozen_ms),
        ] {
            if percentiles.count == 0 {
                continue;
            }
            writeln!(
                out,
                "{name:<18} p50 {:>7.0}  p90 {:>7.0}  p95 {:>7.0}  p99 {:>7.0}  max {:>7.0}",
                percentiles.p50, percentiles.p90, percentiles.p95, percentiles.p99, percentiles.max
            )?;
        }
        let total = &summary.total;
        writeln!(
            out,
            "{} of {} classrooms got media; {} packets, {} lost ({:.3} %), {} repaired, {} frames in {:.0} s",
            self.with_media,
            self.classrooms.len(),
            total.packets,
            total.lost,
            summary.loss_percent,
            total.repaired,
            total.frames,
            self.seconds
        )?;
        let Verified {
            classrooms,
            packets,
            unopened,
        } = self.verified;
        writeln!(
            out,
            "verified: every packet of {classrooms} classrooms, {packets} packets; {unopened} could not be opened"
        )?;
        if let Some(cpu) = &self.server_cpu {
            writeln!(
                out,
                "server: {:.2} s user + {:.2} s system in {:.0} s for {} packets: {:.2} µs each ({:.2} in user mode), {} KiB",
                cpu.user_s,
                cpu.system_s,
                cpu.seconds,
                cpu.packets,
                cpu.us_per_packet,
                cpu.user_us_per_packet,
                cpu.resident_kib
            )?;
        }
        writeln!(out, "this program used {:.2} s of processor time", self.own_cpu_s)
    }
}

fn milliseconds(value: Option<f64>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| format!("{value:.0}"))
}

/// Counts are far below 2^52.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
pub fn float(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn classroom(number: usize, packets: u64, lost: u64) -> Classroom {
        Classroom {
            number,
            first_packet_ms: (packets > 0).then_some(100.0),
            total: Counters {
                packets,
                lost,
                ..Default::default()
            },
            ..Default::default()
        }
    }

    #[test]
    fn sums_and_shows_who_fared_worst_first() {
        let classrooms = vec![classroom(1, 990, 10), classroom(2, 1_000, 0), classroom(3, 0, 0)];
        let report = Report::of(Via::Whep, classrooms, Duration::from_secs(30));
        assert_eq!((report.with_media, report.without_media), (2, 1));
        assert!((report.summary.loss_percent - 0.5).abs() < 1e-9);
        let text = report.text(2);
        let order: Vec<&str> = text
            .lines()
            .skip(1)
            .take(2)
            .map(|line| line.split_whitespace().next().unwrap_or_default())
            .collect();
        assert_eq!(order, ["3", "1"]);
        assert!(text.contains("and 1 more"));
    }
}
