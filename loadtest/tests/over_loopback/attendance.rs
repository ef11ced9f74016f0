//! An attendance of a few seconds, and its report.

use std::time::Duration;

use loadtest::attend::arrivals::Arrive;
use loadtest::attend::report::Report;
use loadtest::attend::run::{Attendance, Via, attend};
use loadtest::progress::Progress;
use loadtest::server::Server;

use crate::server::TOKEN;

const PATIENCE: Duration = Duration::from_secs(90);

pub(crate) fn plan(via: Via, server: Server, classrooms: usize) -> Attendance {
    Attendance {
        server,
        lesson: "demo".to_owned(),
        token: TOKEN.to_owned(),
        via,
        classrooms,
        watch: Duration::from_secs(8),
        arrive: Arrive::Bell,
        over: Duration::ZERO,
        churn: 0.0,
        stage: None,
        videos: 1,
        verify: None,
        server_pid: Some(std::process::id()),
        line: None,
        seed: 1,
    }
}

pub(crate) async fn report(plan: &Attendance) -> Report {
    let progress = Progress::new(false, true);
    let attended = attend(plan, &progress, std::future::pending());
    tokio::time::timeout(PATIENCE, attended)
        .await
        .expect("in time")
        .expect("attended")
}
