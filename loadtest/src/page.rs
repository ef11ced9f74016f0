//! A report as a page: one HTML file without scripts, with plots over time.

mod plot;

use std::fmt::Write as _;

use self::plot::{Curve, plot};
use crate::attend::report::Report;
use crate::attend::stats::Percentiles;
use crate::attend::timeline::Sample;
use crate::scenario::judge::Verdict;

/// What a page shows of one run.
#[derive(Clone, Copy, Debug)]
pub struct Run<'a> {
    /// What it is called.
    pub name: &'a str,
    /// What was expected of it; empty when nothing was.
    pub verdicts: &'a [Verdict],
    /// What was measured.
    pub report: &'a Report,
}

const HEAD: &str = r#"<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>tongke-loadtest</title>
<style>
body { font: 15px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; color: #222; background: #fff; }
table { border-collapse: collapse; margin: 1rem 0; }
th, td { padding: .2rem .8rem; text-align: right; border-bottom: 1px solid #ddd; }
th:first-child, td:first-child { text-align: left; }
.met { color: #11662f; } .not { color: #a3161b; font-weight: 600; }
figure { margin: 1rem 0; } figcaption { color: #555; }
svg { width: 100%; height: auto; } svg text { font-size: 11px; fill: #555; }
</style>
</head>
<body>
<h1>tongke-loadtest</h1>
"#;

/// The page of some runs.
#[must_use]
pub fn page<'a>(runs: impl IntoIterator<Item = Run<'a>>) -> String {
    let mut out = String::from(HEAD);
    for run in runs {
        // Writing to a String cannot fail.
        let _ = section(&mut out, &run);
    }
    out.push_str("</body>\n</html>\n");
    out
}

fn section(out: &mut String, run: &Run<'_>) -> std::fmt::Result {
    let (report, total) = (run.report, &run.report.summary.total);
    writeln!(out, "<h2>{}</h2>", escaped(run.name))?;
    writeln!(
        out,
        "<p>{} of {} classrooms got media in {:.0} s: {} packets, {} lost ({:.3} %), {} repaired, {} frames.</p>",
        report.with_media,
        report.classrooms.len(),
        report.seconds,
        total.packets,
        total.lost,
        report.summary.loss_percent,
        total.repaired,
        total.frames
    )?;
    verdicts(out, run.verdicts)?;
    percentiles(out, report)?;
    plots(out, &report.timeline)?;
    errors(out, report)
}

fn verdicts(out: &mut String, verdicts: &[Verdict]) -> std::fmt::Result {
    if verdicts.is_empty() {
        return Ok(());
    }
    writeln!(
        out,
        "<table>\n<tr><th>expected</th><th>bound</th><th>was</th><th></th></tr>"
    )?;
    for one in verdicts {
        let (class, word) = if one.met {
            ("met", "met")
        } else {
            ("not", "not met")
        };
        writeln!(
            out,
            "<tr><td>{}</td><td>{:.1}</td><td>{:.1}</td><td class=\"{class}\">{word}</td></tr>",
            escaped(one.what),
            one.bound,
            one.was
        )?;
    }
    writeln!(out, "</table>")
}

fn percentiles(out: &mut String, report: &Report) -> std::fmt::Result {
    let summary = &report.summary;
    let rows: [(&str, Percentiles); 5] = [
        ("welcomed (ms)", summary.welcomed_ms),
        ("connected (ms)", summary.connected_ms),
        ("first packet (ms)", summary.first_packet_ms),
        ("first frame (ms)", summary.first_frame_ms),
        ("frozen (ms)", summary.frozen_ms),
    ];
    writeln!(
        out,
        "<table>\n<tr><th>per classroom</th><th>p50</th><th>p95</th><th>p99</th><th>max</th></tr>"
    )?;
    for (name, of) in rows.into_iter().filter(|(_, of)| of.count > 0) {
        writeln!(
            out,
            "<tr><td>{name}</td><td>{:.0}</td><td>{:.0}</td><td>{:.0}</td><td>{:.0}</td></tr>",
            of.p50, of.p95, of.p99, of.max
        )?;
    }
    writeln!(out, "</table>")
}

fn plots(out: &mut String, timeline: &[Sample]) -> std::fmt::Result {
    let curve = |name, of: fn(&Sample) -> f64| Curve {
        name,
        points: timeline.iter().map(|sample| (sample.at_s, of(sample))).collect(),
    };
    #[expect(clippy::cast_precision_loss, reason = "classrooms are far below 2^52")]
    let receiving = curve("classrooms that receive", |sample| sample.receiving as f64);
    let frames = curve("frames a second", |sample| sample.frames_per_s);
    let pictures = curve("kbit/s", |sample| sample.video_kbps);
    let packets = curve("packets a second", |sample| sample.packets_per_s);
    let lost = curve("lost for good", |sample| sample.lost_per_s);
    let repaired = curve("repaired", |sample| sample.repaired_per_s);
    for (caption, curves) in [
        ("Classrooms that receive", vec![receiving]),
        (
            "Frames a second that could be shown, of all classrooms",
            vec![frames],
        ),
        ("Pictures in kbit/s, of all classrooms", vec![pictures]),
        ("Packets a second, of all classrooms", vec![packets]),
        ("Packets a second that were missing", vec![lost, repaired]),
    ] {
        writeln!(
            out,
            "<figure>\n<figcaption>{caption}</figcaption>\n{}</figure>",
            plot(&curves)
        )?;
    }
    Ok(())
}

fn errors(out: &mut String, report: &Report) -> std::fmt::Result {
    let shown = report
        .classrooms
        .iter()
        .filter_map(|one| Some((one.number, one.error.as_deref()?)))
        .take(10);
    for (number, error) in shown {
        writeln!(out, "<p class=\"not\">classroom {number}: {}</p>", escaped(error))?;
    }
    Ok(())
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attend::report::Classroom;
    use crate::attend::run::Via;
    use std::time::Duration;

    #[test]
    fn a_page_has_verdicts_plots_and_errors_and_nothing_runs_in_it() {
        let classroom = Classroom {
            number: 1,
            error: Some("<script>no</script> & so".to_owned()),
            ..Classroom::default()
        };
        let mut report = Report::of(Via::Signal, vec![classroom], Duration::from_secs(10));
        report.timeline = vec![Sample::default(); 3];
        let verdicts = [Verdict {
            what: "loss (%)",
            bound: 1.0,
            was: 2.0,
            met: false,
        }];
        let page = page([Run {
            name: "a_case",
            verdicts: &verdicts,
            report: &report,
        }]);
        assert!(page.starts_with("<!doctype html>") && page.ends_with("</html>\n"));
        assert!(page.contains("<h2>a_case</h2>") && page.contains("not met"));
        assert_eq!(page.matches("<svg").count(), 5);
        assert!(!page.contains("<script") && page.contains("&lt;script&gt;no&lt;/script&gt; &amp; so"));
    }
}
