//! The robot teacher and three classrooms in the demo lesson of a real server. It runs where `TONGKE_BIN` names the
//! server's program, and needs `ffmpeg` for its footage.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const PROGRAM: &str = env!("CARGO_BIN_EXE_tongke-loadtest");
const PATIENCE: Duration = Duration::from_secs(60);

/// Ended when the test ends, also by a panic.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("bound").port()
}

/// The server's program, without the variable that names it: the server takes each `TONGKE_*` for a setting.
fn server(program: &str) -> Command {
    let mut command = Command::new(program);
    command.env_remove("TONGKE_BIN");
    command
}

fn serve(program: &str, data: &Path, listen: &str) -> Running {
    let child = server(program)
        .args(["serve", "--demo", "--media-port", "0", "--announce", "127.0.0.1"])
        .args(["--listen", listen, "--data"])
        .arg(data)
        .stdout(Stdio::null())
        .spawn()
        .expect("the server starts");
    Running(child)
}

fn token(program: &str, data: &Path, role: &str) -> String {
    let output = server(program)
        .args(["token", "--lesson", "demo", "--role", role, "--data"])
        .arg(data)
        .output()
        .expect("the server's program runs");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout)
        .expect("a token")
        .trim()
        .to_owned()
}

async fn ready(server: &str) {
    let start = Instant::now();
    loop {
        let answer = reqwest::get(format!("{server}/readyz")).await;
        if answer.is_ok_and(|answer| answer.status().is_success()) {
            return;
        }
        assert!(start.elapsed() < PATIENCE, "the server does not become ready");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

fn attend(server: &str, token: &str) -> (bool, serde_json::Value) {
    let output = Command::new(PROGRAM)
        .args(["attend", "--server", server, "--lesson", "demo", "--json"])
        .args(["--classrooms", "3", "--seconds", "8"])
        .env("LOADTEST_TOKEN", token)
        .output()
        .expect("it runs");
    let report = serde_json::from_slice(&output.stdout).expect("a report");
    (output.status.success(), report)
}

#[tokio::test]
async fn classrooms_see_and_hear_the_robot_teacher() {
    let Ok(program) = std::env::var("TONGKE_BIN") else {
        return;
    };
    let folder = tempfile::tempdir().expect("a folder");
    let (data, footage) = (folder.path().join("data"), folder.path().join("footage"));
    loadtest::footage::make(&footage, loadtest::footage::Pattern::FlashBeep, Some(6)).expect("made");
    let listen = format!("127.0.0.1:{}", free_port());
    let server = format!("http://{listen}");
    let _server = serve(&program, &data, &listen);
    ready(&server).await;
    let teacher = Command::new(PROGRAM)
        .args([
            "teach", "--server", &server, "--lesson", "demo", "--loop", "--json",
        ])
        .arg("--file")
        .arg(footage.join("lesson.mp4"))
        .arg("--screen")
        .arg(footage.join("screen.mp4"))
        .env("LOADTEST_TOKEN", token(&program, &data, "teacher"))
        .stdout(Stdio::null())
        .spawn()
        .expect("it runs");
    let _teacher = Running(teacher);
    let classroom = token(&program, &data, "observer");
    let start = Instant::now();
    loop {
        // The teacher may need a moment to be there.
        let (success, report) = attend(&server, &classroom);
        if success {
            for one in report["classrooms"].as_array().expect("a list") {
                assert!(one["total"]["frames"].as_u64() > Some(50), "{one}");
                let streams = one["streams"].as_array().map_or(0, Vec::len);
                assert!(streams >= 3, "sound, camera and screen: {one}");
                assert!(one["first_frame_ms"].as_f64() < Some(8_000.0), "{one}");
            }
            return;
        }
        assert!(start.elapsed() < PATIENCE, "{report}");
    }
}
