//! Classrooms count what reaches them; what a bad line loses is repaired.

use crate::attendance::{self, report};
use crate::server;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use loadtest::attend::run::{Attendance, Via};
use loadtest::impair::loss::Loss;
use loadtest::impair::script::{Impairment, Line, Script};
use loadtest::impair::through::BadLine;
use loadtest::server::Server;

fn plan(server: Server, classrooms: usize) -> Attendance {
    attendance::plan(Via::Whep, server, classrooms)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_classroom_gets_sound_and_pictures() {
    let (server, seen) = server::server().await;
    let report = report(&plan(server, 3)).await;
    assert_eq!((report.with_media, report.without_media), (3, 0));
    for classroom in &report.classrooms {
        assert_eq!(classroom.error, None);
        assert_eq!(classroom.streams.len(), 2);
        assert!(classroom.first_frame_ms >= classroom.first_packet_ms && classroom.connected_ms.is_some());
        assert!(classroom.total.frames > 0 && classroom.total.broken_frames == 0);
        assert_eq!((classroom.total.lost, classroom.total.repaired), (0, 0));
        assert!(classroom.verified);
    }
    assert_eq!((report.verified.classrooms, report.verified.unopened), (3, 0));
    assert!(report.server_cpu.is_some_and(|cpu| cpu.packets > 0));
    assert_eq!(seen.deleted.load(Ordering::Relaxed), 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_bad_line_loses_is_repaired() {
    let (server, _) = server::server().await;
    let mut plan = plan(server, 1);
    let bad = Impairment {
        loss: Loss::random(0.04),
        delay: Duration::from_millis(10),
        ..Default::default()
    };
    let line = Line::both(&Script::always(bad));
    plan.line = Some(Arc::new(BadLine::new(line, 5)));
    let total = report(&plan).await.summary.total;
    assert!(total.repaired > 0, "{total:?}");
    assert!(total.frames > 0, "{total:?}");
    assert!(total.lost < total.repaired, "{total:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn packets_that_are_not_opened_are_counted_by_their_headers_and_repaired_all_the_same() {
    let (server, _) = server::server().await;
    let mut plan = plan(server, 2);
    plan.verify = Some(0.5);
    let bad = Impairment {
        loss: Loss::random(0.04),
        delay: Duration::from_millis(10),
        ..Default::default()
    };
    plan.line = Some(Arc::new(BadLine::new(Line::both(&Script::always(bad)), 5)));
    let report = report(&plan).await;
    assert_eq!((report.verified.classrooms, report.verified.unopened), (1, 0));
    for classroom in &report.classrooms {
        let total = &classroom.total;
        assert!(total.repaired > 0 && total.lost < total.repaired, "{total:?}");
        assert!(
            total.frames > 50 && classroom.first_frame_ms.is_some(),
            "{total:?}"
        );
    }
    let [sealed, opened] = &report.classrooms[..] else {
        panic!("two classrooms")
    };
    assert!(!sealed.verified && opened.verified);
    // The same is sent to both; payloads are of the same length, opened or not.
    let each = |total: &loadtest::attend::report::Counters| total.bytes / total.packets.max(1);
    assert!(each(&sealed.total).abs_diff(each(&opened.total)) < 50);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_classroom_that_leaves_comes_back_and_has_not_frozen_meanwhile() {
    let (server, seen) = server::server().await;
    let mut plan = plan(server, 1);
    plan.watch = Duration::from_secs(16);
    plan.churn = 60.0;
    let report = report(&plan).await;
    let classroom = &report.classrooms[0];
    let back: Vec<f64> = classroom.returned_ms.iter().flatten().copied().collect();
    assert!(!back.is_empty(), "{:?}", classroom.returned_ms);
    assert_eq!(report.summary.returned_ms.count, back.len());
    assert_eq!((classroom.rejoins, classroom.error.as_deref()), (0, None));
    assert!(classroom.total.longest_freeze_ms < 2_000, "{:?}", classroom.total);
    assert!(
        seen.deleted.load(Ordering::Relaxed) >= 2,
        "it says goodbye each time"
    );
}

#[tokio::test]
async fn a_classroom_that_is_refused_is_reported_with_the_reason() {
    let (server, _) = server::server().await;
    let mut plan = plan(server, 2);
    plan.token = "wrong".to_owned();
    plan.watch = Duration::from_secs(60);
    let report = report(&plan).await;
    assert_eq!(report.without_media, 2);
    let error = report.classrooms[0].error.as_deref().unwrap_or_default();
    assert!(error.contains("401"), "{error}");
}
