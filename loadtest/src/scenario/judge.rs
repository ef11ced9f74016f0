//! Judges a report: pure.

use serde::{Deserialize, Serialize};

use crate::attend::report::{Classroom, Report, float};
use crate::attend::timeline::Sample;
use crate::flood::run::Flooded;

/// What is expected of a case. What is absent is not judged; that every classroom gets media always is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Expect {
    /// Of 100 classrooms 95 show their first picture within so many ms of their request.
    pub first_frame_p95_ms: Option<f64>,
    /// The last classroom does within so many ms.
    pub first_frame_max_ms: Option<f64>,
    /// At most so many of 100 packets never come in time.
    pub loss_percent: Option<f64>,
    /// No picture of any classroom stands still for longer than so many ms.
    pub longest_freeze_ms: Option<f64>,
    /// Of 100 classrooms the pictures of 95 stand still for no more than so many ms altogether.
    pub frozen_p95_ms: Option<f64>,
    /// Every classroom shows at least so many pictures a second on the average, its streams together.
    pub frames_per_second: Option<f64>,
    /// Of 100 packets of sound every classroom has at least so many in time, as they were sent or repaired.
    pub audio_whole_percent: Option<f64>,
    /// Of 100 frames of its pictures every classroom shows at least so many.
    pub video_rate_percent: Option<f64>,
    /// Every classroom's pictures have at least so many kbit/s on the average: they are of the layer that its line carries.
    pub video_kbps: Option<f64>,
    /// No classroom joins anew more often.
    pub rejoins: Option<f64>,
    /// Of 100 returns of classrooms that left 95 show a picture within so many ms.
    pub returned_p95_ms: Option<f64>,
    /// Of 100 packets of a flood the server counts at least so many as dropped, of each kind.
    pub flood_counted_percent: Option<f64>,
    /// At least so many packets of a flood are sent a second.
    pub flood_per_second: Option<f64>,
    /// The server's memory grows by no more than so many KiB while it is flooded; needs --server-pid.
    pub flood_grows_kib: Option<f64>,
    /// So many seconds after the line's last change the picture is again what it was before the first: as many bits.
    pub back_within_s: Option<f64>,
}

/// One expectation, and what came of it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Verdict {
    /// What was expected.
    pub what: &'static str,
    /// Its bound.
    pub bound: f64,
    /// What it was.
    pub was: f64,
    /// Whether it was met.
    pub met: bool,
}

/// Of the bits before: as good as the same, for pictures that are not.
const BACK: f64 = 0.8;
/// Over so long bits are counted.
const WINDOW_S: f64 = 2.0;

/// How long after the last of the line's `changes` all classrooms together get again what they got before the first; infinite when
/// they never do. Times are in s since the run began.
fn back_after(changes: Option<(f64, f64)>, samples: &[Sample]) -> f64 {
    let Some((first, last)) = changes else { return 0.0 };
    let mean = |from: f64, to: f64| {
        let within = samples.iter().filter(|one| one.at_s > from && one.at_s <= to);
        let (count, sum) = within.fold((0.0, 0.0), |(count, sum), one| {
            (count + 1.0, sum + one.video_kbps)
        });
        if count > 0.0 { sum / count } else { 0.0 }
    };
    // Not from the joins on, but the time just before.
    let before = mean((first - 5.0).max(first / 2.0), first);
    let back =
        |one: &&Sample| one.at_s >= last + WINDOW_S && mean(one.at_s - WINDOW_S, one.at_s) >= BACK * before;
    let found = samples.iter().find(back);
    found.map_or(f64::INFINITY, |one| one.at_s - WINDOW_S - last)
}

/// Judges a report by what was expected; `changes` are the times in s of the first and of the last change of the line.
#[must_use]
pub fn judge(expect: &Expect, report: &Report, changes: Option<(f64, f64)>) -> Vec<Verdict> {
    let most = |of: fn(&Classroom) -> f64| report.classrooms.iter().map(of).fold(0.0, f64::max);
    let seconds = report.seconds.max(0.001);
    let least =
        |of: &dyn Fn(&Classroom) -> f64| report.classrooms.iter().map(of).fold(f64::INFINITY, f64::min);
    let without = u32::try_from(report.without_media).unwrap_or(u32::MAX);
    let summary = &report.summary;
    let at_most = [
        ("classrooms without media", Some(0.0), f64::from(without)),
        (
            "first frame p95 (ms)",
            expect.first_frame_p95_ms,
            summary.first_frame_ms.p95,
        ),
        (
            "first frame max (ms)",
            expect.first_frame_max_ms,
            summary.first_frame_ms.max,
        ),
        ("loss (%)", expect.loss_percent, summary.loss_percent),
        (
            "longest freeze (ms)",
            expect.longest_freeze_ms,
            most(|one| float(one.total.longest_freeze_ms)),
        ),
        ("frozen p95 (ms)", expect.frozen_p95_ms, summary.frozen_ms.p95),
        ("rejoins", expect.rejoins, most(|one| f64::from(one.rejoins))),
        (
            "returned p95 (ms)",
            expect.returned_p95_ms,
            if summary.returned_without_media > 0 {
                f64::INFINITY
            } else {
                summary.returned_ms.p95
            },
        ),
        (
            "back after (s)",
            expect.back_within_s,
            back_after(changes, &report.timeline),
        ),
    ];
    let at_least = [
        (
            "frames per second",
            expect.frames_per_second,
            least(&|one| float(one.total.frames) / seconds),
        ),
        (
            "audio whole (%)",
            expect.audio_whole_percent,
            least(&Classroom::audio_whole_percent),
        ),
        (
            "video rate (%)",
            expect.video_rate_percent,
            least(&Classroom::video_rate_percent),
        ),
        (
            "video (kbit/s)",
            expect.video_kbps,
            least(&|one| float(one.video_bytes()) * 8.0 / 1_000.0 / seconds),
        ),
    ];
    let verdict = |(what, bound, was): (_, Option<f64>, f64), met: fn(f64, f64) -> bool| {
        let bound = bound?;
        Some(Verdict {
            what,
            bound,
            was,
            met: met(was, bound),
        })
    };
    let at_most = at_most
        .into_iter()
        .filter_map(|one| verdict(one, |was, bound| was <= bound));
    let at_least = at_least
        .into_iter()
        .filter_map(|one| verdict(one, |was, bound| was >= bound));
    at_most.chain(at_least).collect()
}

/// Judges a flood.
#[must_use]
pub fn judge_flood(expect: &Expect, floods: &[Flooded]) -> Vec<Verdict> {
    let least = |of: &dyn Fn(&Flooded) -> f64| floods.iter().map(of).fold(f64::INFINITY, f64::min);
    let kib = |one: &Flooded| one.resident_kib;
    let first = floods.first().and_then(kib).map(|(before, _)| before);
    let last = floods.last().and_then(kib).map(|(_, after)| after);
    let grown = first
        .zip(last)
        .map(|(first, last)| float(last.saturating_sub(first)));
    let verdicts = [
        (
            "flood counted (%)",
            expect.flood_counted_percent,
            least(&Flooded::counted_percent),
            false,
        ),
        (
            "flood (packets/s)",
            expect.flood_per_second,
            least(&|one| one.per_second),
            false,
        ),
        (
            "memory grown (KiB)",
            expect.flood_grows_kib,
            // Unmeasured is not met.
            grown.unwrap_or(f64::INFINITY),
            true,
        ),
    ];
    let verdict = |(what, bound, was, at_most): (&'static str, Option<f64>, f64, bool)| {
        let bound = bound?;
        let met = if at_most { was <= bound } else { was >= bound };
        Some(Verdict {
            what,
            bound,
            was,
            met,
        })
    };
    verdicts.into_iter().filter_map(verdict).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attend::report::{Counters, Stream};
    use crate::attend::run::Via;
    use std::time::Duration;

    fn report() -> Report {
        let classroom = |number, first_frame_ms, frames, longest_freeze_ms| Classroom {
            number,
            first_frame_ms: Some(first_frame_ms),
            total: Counters {
                packets: 100,
                frames,
                longest_freeze_ms,
                ..Default::default()
            },
            ..Default::default()
        };
        let classrooms = vec![classroom(1, 300.0, 250, 0), classroom(2, 900.0, 200, 700)];
        Report::of(Via::Whep, classrooms, Duration::from_secs(10))
    }

    #[test]
    fn what_is_expected_is_judged_and_nothing_else() {
        let expect = Expect {
            first_frame_max_ms: Some(500.0),
            longest_freeze_ms: Some(1_000.0),
            frames_per_second: Some(20.0),
            ..Default::default()
        };
        let verdicts = judge(&expect, &report(), None);
        let met: Vec<_> = verdicts.iter().map(|one| (one.what, one.was, one.met)).collect();
        assert_eq!(
            met,
            [
                ("classrooms without media", 0.0, true),
                ("first frame max (ms)", 900.0, false),
                ("longest freeze (ms)", 700.0, true),
                ("frames per second", 20.0, true),
            ]
        );
    }

    #[test]
    fn sound_and_pictures_are_judged_where_they_are_worst() {
        let mut report = report();
        let stream = |kind, counters| Stream { kind, counters };
        let sound = |repaired, lost| Counters {
            packets: 900,
            repaired,
            lost,
            ..Counters::default()
        };
        let pictures = |frames, bytes| Counters {
            frames,
            bytes,
            due_frames: 250,
            ..Counters::default()
        };
        report.classrooms[0].streams = vec![
            stream("audio", sound(90, 10)),
            stream("video", pictures(250, 2_000_000)),
        ];
        report.classrooms[1].streams = vec![
            stream("audio", sound(100, 0)),
            stream("video", pictures(200, 1_000_000)),
        ];
        let expect = Expect {
            audio_whole_percent: Some(99.0),
            video_rate_percent: Some(90.0),
            video_kbps: Some(800.0),
            ..Default::default()
        };
        let verdicts = judge(&expect, &report, None);
        let met: Vec<_> = verdicts.iter().skip(1).map(|one| (one.was, one.met)).collect();
        assert_eq!(met, [(99.0, true), (80.0, false), (800.0, true)]);
    }

    #[test]
    fn a_classroom_without_media_is_never_met() {
        let mut report = report();
        report.without_media = 1;
        assert!(!judge(&Expect::default(), &report, None)[0].met);
    }

    #[test]
    fn the_kind_that_is_counted_least_and_the_whole_growth_are_judged() {
        let flooded = |counted, before, after| Flooded {
            sent: 100,
            per_second: 50_000.0,
            dropped: [("a".to_owned(), counted)].into(),
            resident_kib: Some((before, after)),
            ..Flooded::default()
        };
        let expect = Expect {
            flood_counted_percent: Some(90.0),
            flood_per_second: Some(45_000.0),
            flood_grows_kib: Some(500.0),
            ..Expect::default()
        };
        let met = |floods: &[Flooded]| -> Vec<bool> {
            judge_flood(&expect, floods).iter().map(|one| one.met).collect()
        };
        let floods = [flooded(99, 1_000, 1_300), flooded(80, 1_300, 1_600)];
        assert_eq!(met(&floods), [false, true, false]);
        assert_eq!(met(&floods[..1]), [true, true, true]);
        assert_eq!(met(&[]), [true, true, false], "unmeasured");
    }

    /// Half a second each: 1,500 kbit/s, 400 from 10 s to 20 s, and from `back` on what it was.
    fn fall(back: f64) -> Vec<Sample> {
        (1..=80)
            .map(|half| {
                let at_s = f64::from(half) / 2.0;
                let low = at_s > 10.0 && at_s <= back;
                Sample {
                    at_s,
                    video_kbps: if low { 400.0 } else { 1_500.0 },
                    ..Sample::default()
                }
            })
            .collect()
    }

    #[test]
    fn a_picture_that_is_what_it_was_is_back() {
        let changes = Some((10.0, 20.0));
        assert!(back_after(changes, &fall(20.0)) <= 0.5);
        let late = back_after(changes, &fall(26.0));
        assert!((5.0..7.0).contains(&late), "{late}");
        assert_eq!(back_after(changes, &fall(100.0)), f64::INFINITY);
        assert_eq!(back_after(None, &fall(100.0)), 0.0);
    }
}
