//! The robot teacher and classrooms in the demo lesson of a real server, by WHEP and by signalling, with TLS and without. It
//! runs where `TONGKE_BIN` names the server's program, and needs `ffmpeg` for its footage.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use loadtest::server::Server;

const PROGRAM: &str = env!("CARGO_BIN_EXE_tongke-loadtest");
const PATIENCE: Duration = Duration::from_secs(90);

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

/// A server with a robot teacher in its demo lesson.
struct School {
    program: String,
    folder: tempfile::TempDir,
    plain: String,
    tls: String,
    running: Vec<Running>,
}

impl School {
    /// `None` where there is no server to start.
    async fn open() -> Option<Self> {
        let program = std::env::var("TONGKE_BIN").ok()?;
        let (plain, tls) = (free_port(), free_port());
        let mut school = Self {
            program,
            folder: tempfile::tempdir().expect("a folder"),
            plain: format!("http://127.0.0.1:{plain}"),
            tls: format!("https://localhost:{tls}"),
            running: Vec::new(),
        };
        let serve = school
            .server()
            .args(["serve", "--demo", "--media-port", "0", "--announce", "127.0.0.1"])
            .args(["--listen", &format!("127.0.0.1:{plain}")])
            .args(["--tls", "local", "--tls-listen", &format!("127.0.0.1:{tls}")])
            .arg("--data")
            .arg(school.data())
            .stdout(Stdio::null())
            .spawn()
            .expect("the server starts");
        school.running.push(Running(serve));
        school.ready().await;
        school.teach();
        Some(school)
    }

    /// The server's program, without the variable that names it: the server takes each `TONGKE_*` for a setting.
    fn server(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.env_remove("TONGKE_BIN");
        command
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn ca(&self) -> PathBuf {
        self.data().join("tls/ca.pem")
    }

    fn token(&self, role: &str) -> String {
        let output = self
            .server()
            .args(["token", "--lesson", "demo", "--role", role, "--data"])
            .arg(self.data())
            .output()
            .expect("the server's program runs");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{said}");
        let token = String::from_utf8(output.stdout).expect("a token");
        token.trim().to_owned()
    }

    async fn ready(&self) {
        let server = Server::new(&self.plain, None).expect("an address");
        let start = Instant::now();
        loop {
            let answer = server.client().get(server.at(&["readyz"])).send().await;
            if answer.is_ok_and(|answer| answer.status().is_success()) {
                return;
            }
            assert!(start.elapsed() < PATIENCE, "the server does not become ready");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Teaches over TLS.
    fn teach(&mut self) {
        let footage = self.folder.path().join("footage");
        let made = loadtest::footage::make(&footage, loadtest::footage::Pattern::FlashBeep, Some(6));
        made.expect("made");
        let teacher = Command::new(PROGRAM)
            .args(["teach", "--server", &self.tls, "--lesson", "demo"])
            .args(["--loop", "--json", "--ca"])
            .arg(self.ca())
            .arg("--file")
            .arg(footage.join("lesson.mp4"))
            .arg("--screen")
            .arg(footage.join("screen.mp4"))
            .env("LOADTEST_TOKEN", self.token("teacher"))
            .stdout(Stdio::null())
            .spawn()
            .expect("it runs");
        self.running.push(Running(teacher));
    }

    /// Attends until all of three classrooms got media: the teacher may need a moment to be there.
    fn attend(&self, server: &str, role: &str, with: &[&str], ca: Option<&Path>) -> serde_json::Value {
        let start = Instant::now();
        loop {
            let output = Command::new(PROGRAM)
                .args(["attend", "--server", server, "--lesson", "demo", "--json"])
                .args(["--classrooms", "3", "--seconds", "8"])
                .args(with)
                .args(ca.map(|ca| format!("--ca={}", ca.display())))
                .env("LOADTEST_TOKEN", self.token(role))
                .output()
                .expect("it runs");
            let report: serde_json::Value = serde_json::from_slice(&output.stdout).expect("a report");
            if output.status.success() {
                return report;
            }
            assert!(start.elapsed() < PATIENCE, "{report}");
        }
    }
}

fn all_saw_and_heard(report: &serde_json::Value) {
    for one in report["classrooms"].as_array().expect("a list") {
        assert!(one["total"]["frames"].as_u64() > Some(50), "{one}");
        let streams = one["streams"].as_array().map_or(0, Vec::len);
        assert!(streams >= 3, "sound, camera and screen: {one}");
        assert!(one["first_frame_ms"].as_f64() < Some(8_000.0), "{one}");
        assert!(one.get("error").is_none(), "{one}");
    }
}

#[tokio::test]
async fn classrooms_see_and_hear_the_robot_teacher() {
    let Some(school) = School::open().await else {
        return;
    };
    let whep = school.attend(&school.plain, "observer", &[], None);
    all_saw_and_heard(&whep);
    let signal = school.attend(&school.plain, "classroom", &["--via", "signal"], None);
    all_saw_and_heard(&signal);
    assert_eq!(signal["summary"]["welcomed_ms"]["count"], 3);
    let ca = school.ca();
    for via in ["whep", "signal"] {
        let secure = school.attend(&school.tls, "classroom", &["--via", via], Some(&ca));
        all_saw_and_heard(&secure);
    }
}

#[tokio::test]
async fn a_server_that_is_not_trusted_and_a_teachers_token_are_refused_with_words() {
    let Some(school) = School::open().await else {
        return;
    };
    let attend = |server: &str, role: &str| {
        let output = Command::new(PROGRAM)
            .args([
                "attend", "--server", server, "--lesson", "demo", "--via", "signal",
            ])
            .args(["--seconds", "2"])
            .env("LOADTEST_TOKEN", school.token(role))
            .output()
            .expect("it runs");
        assert_eq!(output.status.code(), Some(1));
        String::from_utf8(output.stdout).expect("a report")
    };
    let untrusted = attend(&school.tls, "classroom");
    assert!(untrusted.contains("certificate"), "{untrusted}");
    let teacher = attend(&school.plain, "teacher");
    assert!(teacher.contains("tongke token --role classroom"), "{teacher}");
}
