//! The command line, run as a program.

use std::process::{Command, Output};

use crate::harness::{MORNING, Server};

fn tongke(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_tongke"))
        .args(args)
        .env_clear()
        .output()
        .expect("the program runs")
}

#[test]
fn a_wrong_setting_stops_with_key_value_and_what_is_allowed() {
    let data = tempfile::tempdir().expect("a directory");
    let file = data.path().join("tongke.toml");
    std::fs::write(&file, "lisen = 80\n").expect("a file");
    let file = file.to_str().expect("text");
    for (args, parts) in [
        (
            vec!["serve", "--media-port", "x"],
            vec!["media_port", "\"x\"", "0 to 65535"],
        ),
        (
            vec!["serve", "--config", file],
            vec!["lisen", "\"80\"", "no such setting"],
        ),
    ] {
        let output = tongke(&args);
        let shown = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{shown}");
        for part in parts {
            assert!(shown.contains(part), "{shown}");
        }
    }
}

#[test]
fn a_port_that_is_taken_and_a_directory_that_cannot_be_written_are_named() {
    let data = tempfile::tempdir().expect("a directory");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("an address").to_string();
    let output = tongke(&[
        "serve",
        "--listen",
        &address,
        "--data",
        data.path().to_str().expect("text"),
    ]);
    let shown = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        output.status.code() == Some(1) && shown.contains(&address) && shown.contains("taken"),
        "{shown}"
    );
    let output = tongke(&["serve", "--listen", "127.0.0.1:0", "--data", "/proc/nowhere"]);
    let shown = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        output.status.code() == Some(1) && shown.contains("/proc/nowhere"),
        "{shown}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_printed_token_is_known_to_the_running_server() {
    let server = Server::start().await;
    let data = server.data.path().to_str().expect("text").to_owned();
    let lesson = server.demo_lesson();
    let tokens = &server.running.app.services.tokens;
    for (named, role) in [("demo".to_owned(), "teacher"), (lesson.to_string(), "observer")] {
        let output = tongke(&["token", "--data", &data, "--lesson", &named, "--role", role]);
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        let token = String::from_utf8(output.stdout).expect("text");
        // Its clock is the machine's; the server's stands in the morning before.
        assert_eq!(
            tokens
                .verify(token.trim(), MORNING.min(time::OffsetDateTime::now_utc()))
                .expect("valid")
                .lesson,
            lesson
        );
    }
    for (lesson, part) in [
        ("nonsense", "a lesson's id, or demo"),
        ("01900000-0000-7000-8000-000000000000", "no such"),
    ] {
        let output = tongke(&["token", "--data", &data, "--lesson", lesson, "--role", "teacher"]);
        assert!(!output.status.success() && String::from_utf8_lossy(&output.stderr).contains(part));
    }
    let output = tongke(&[
        "token", "--data", "/nowhere", "--lesson", "demo", "--role", "teacher",
    ]);
    assert!(String::from_utf8_lossy(&output.stderr).contains("no data directory"));
}
