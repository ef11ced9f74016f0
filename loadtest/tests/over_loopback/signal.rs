//! Classrooms that come by signalling: each has a seat of its own, follows the offer, and comes back by itself.

use crate::attendance::{self, report};
use crate::signal_server;

use std::collections::HashSet;
use std::sync::atomic::Ordering;
use std::time::Duration;

use loadtest::attend::run::{Attendance, Stage, Via};
use loadtest::server::Server;

fn plan(server: Server, classrooms: usize) -> Attendance {
    attendance::plan(Via::Signal, server, classrooms)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_classroom_has_a_seat_and_gets_what_is_offered() {
    let (server, seen) = signal_server::server().await;
    let report = report(&plan(server, 3)).await;
    for classroom in &report.classrooms {
        assert_eq!(classroom.error, None);
        assert_eq!((classroom.streams.len(), classroom.rejoins), (2, 0));
        assert!(classroom.welcomed_ms <= classroom.connected_ms && classroom.connected_ms.is_some());
        assert!(classroom.total.frames > 0 && classroom.total.lost == 0);
    }
    let hellos = seen.hellos.lock().expect("nobody panicked").clone();
    assert_eq!(hellos.iter().collect::<HashSet<_>>().len(), 3, "{hellos:?}");
    // The first and the last may be of a moment without media.
    let told = seen.reports.lock().expect("nobody panicked").clone();
    let well = |report: &&protocol::signal::Report| (report.hears, report.sees) == (Some(true), Some(true));
    assert!(told.iter().filter(well).count() >= 3, "{told:?}");
    assert_eq!(seen.left.load(Ordering::Relaxed), 3, "they leave by themselves");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_classroom_whose_socket_is_lost_comes_back_to_its_seat() {
    let (server, seen) = signal_server::server().await;
    let plan = plan(server, 1);
    let outage = async {
        let sees = |report: &protocol::signal::Report| report.sees == Some(true);
        while !seen.reports.lock().expect("nobody panicked").iter().any(sees) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        seen.break_off();
        std::future::pending::<()>().await;
    };
    let report = tokio::select! {
        report = report(&plan) => report,
        () = outage => unreachable!("it never ends"),
    };
    let classroom = &report.classrooms[0];
    assert_eq!((classroom.rejoins, classroom.error.as_deref()), (1, None));
    assert_eq!(classroom.streams.len(), 4, "two of each connection");
    let hellos = seen.hellos.lock().expect("nobody panicked").clone();
    assert_eq!(hellos.len(), 2);
    assert_eq!(hellos[0], hellos[1]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn classrooms_on_stage_send_too() {
    let (server, seen) = signal_server::server().await;
    let mut plan = plan(server, 2);
    plan.stage = Some(Stage {
        classrooms: 1,
        clip: crate::server::clip(),
    });
    let report = report(&plan).await;
    let [on_stage, other] = &report.classrooms[..] else {
        panic!("two classrooms")
    };
    assert_eq!((on_stage.error.as_deref(), on_stage.streams.len()), (None, 2));
    assert!(on_stage.total.frames > 0 && other.total.frames > 0);
    assert!(on_stage.sent_packets > 100, "{}", on_stage.sent_packets);
    assert_eq!(other.sent_packets, 0);
    let came = seen.stage.lock().expect("nobody panicked").clone();
    assert_eq!(came.len(), 1, "one publishes");
    let meters = came[0].lock();
    assert_eq!(meters.len(), 2, "a camera and a microphone");
    assert!(
        meters
            .values()
            .all(|meter| meter.counts.frames > 20 && meter.counts.lost == 0)
    );
    let told = seen.reports.lock().expect("nobody panicked").clone();
    assert!(told.iter().any(|report| report.microphone_works == Some(true)));
}

#[tokio::test]
async fn a_taken_seat_is_said_once_with_what_to_do() {
    let (server, _) = signal_server::server().await;
    let mut plan = plan(server, 1);
    plan.token = "of one terminal".to_owned();
    plan.watch = Duration::from_secs(60);
    let report = report(&plan).await;
    let error = report.classrooms[0].error.as_deref().unwrap_or_default();
    assert!(error.contains("tongke token --role classroom"), "{error}");
    assert_eq!((report.without_media, report.classrooms[0].rejoins), (1, 0));
}
