//! A teacher's footage arrives whole, and again after the server has forgotten the session.

use crate::server;

use std::sync::atomic::Ordering;
use std::time::Duration;

use loadtest::attend::receive::Meters;
use loadtest::progress::Progress;
use loadtest::server::Server;
use loadtest::teach::run::{Teaching, teach};
use loadtest::whip::WhipError;

const PATIENCE: Duration = Duration::from_secs(60);
const LOOK_EVERY: Duration = Duration::from_millis(20);

fn plan(server: Server) -> Teaching {
    Teaching {
        server,
        lesson: "demo".to_owned(),
        token: server::TOKEN.to_owned(),
        clips: vec![server::clip()],
        looping: true,
        limit: None,
        line: None,
    }
}

/// Ends when so many frames of each kind came on the last connection.
async fn frames(seen: &server::Seen, at_least: u64) {
    while seen.frames().0 < at_least || seen.frames().1 < at_least {
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn footage_arrives_whole_and_the_session_is_ended() {
    let (server, seen) = server::server().await;
    let plan = plan(server);
    let progress = Progress::new(true, true);
    let taught = tokio::time::timeout(PATIENCE, teach(&plan, &progress, frames(&seen, 60)));
    let taught = taught.await.expect("in time").expect("taught");
    assert!(taught.packets > 60 * 4);
    assert_eq!(taught.reconnects, 0);
    assert_eq!(seen.deleted.load(Ordering::Relaxed), 1);
    let teacher = seen.teacher.lock().expect("nobody panicked");
    let meters = teacher[0].lock();
    assert_eq!(meters.len(), 2, "one stream of each kind");
    assert!(meters.values().all(|meter| meter.counts.lost == 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_layers_of_a_camera_arrive_under_their_names() {
    let (server, seen) = server::server().await;
    let mut plan = plan(server);
    let camera = plan.clips[0].video.clone().expect("pictures");
    plan.clips[0].smaller = vec![camera.clone(), camera];
    let progress = Progress::new(true, true);
    let all = async {
        let shown = || {
            let teacher = seen.teacher.lock().expect("nobody panicked");
            let shown = |meters: &Meters| {
                let meters = meters.lock();
                meters.values().filter(|meter| meter.counts.frames >= 30).count()
            };
            teacher.last().map_or(0, shown)
        };
        while shown() < 4 {
            tokio::time::sleep(LOOK_EVERY).await;
        }
    };
    let taught = tokio::time::timeout(PATIENCE, teach(&plan, &progress, all));
    let taught = taught.await.expect("in time").expect("taught");
    assert_eq!(taught.reconnects, 0);
    let teacher = seen.teacher.lock().expect("nobody panicked");
    let meters = teacher[0].lock();
    assert_eq!(meters.values().filter(|meter| meter.is_video()).count(), 3);
    assert!(meters.values().all(|meter| meter.counts.lost == 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_publishes_again_when_the_server_forgot_it() {
    let (server, seen) = server::server().await;
    let plan = plan(server);
    let progress = Progress::new(true, true);
    let outage = async {
        frames(&seen, 10).await;
        seen.forget().await;
        while seen.teacher.lock().expect("nobody panicked").len() < 2 {
            tokio::time::sleep(LOOK_EVERY).await;
        }
        frames(&seen, 10).await;
    };
    let taught = tokio::time::timeout(PATIENCE, teach(&plan, &progress, outage));
    let taught = taught.await.expect("in time").expect("taught");
    assert!(taught.reconnects >= 1);
}

#[tokio::test]
async fn a_wrong_token_is_said_and_not_tried_again() {
    let (server, _) = server::server().await;
    let mut plan = plan(server);
    plan.token = "wrong".to_owned();
    let progress = Progress::new(true, true);
    let refused = teach(&plan, &progress, std::future::pending());
    let error = tokio::time::timeout(PATIENCE, refused)
        .await
        .expect("in time")
        .expect_err("refused");
    let refusal = error.downcast_ref::<WhipError>().expect("the server's answer");
    assert!(!refusal.may_pass() && refusal.to_string().contains("401"));
}
