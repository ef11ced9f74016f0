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
    }
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
