//! A recording over HTTP, as players meet it: read by ffprobe and ffmpeg, followed while it is written.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Path as Route, RawQuery};
use axum::http::{HeaderMap, StatusCode};
use axum::response::IntoResponse;
use axum::routing::get;
use protocol::id::LessonId;
use protocol::journal::{self, Entry, Init, Part};
use protocol::media::Source;
use protocol::tap::TrackKey;
use server::replay::ReplayStore;

const SECONDS: u64 = 12;
const SEGMENT_US: u64 = 2_000_000;

struct Recorded {
    root: tempfile::TempDir,
    lesson: LessonId,
    /// Journal lines by class time.
    lines: Vec<(u64, Vec<u8>)>,
}

fn ffmpeg(arguments: &[&str]) {
    let run = Command::new("ffmpeg")
        .args(["-v", "error", "-y"])
        .args(arguments)
        .output();
    let output = run.expect("ffmpeg is installed");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

/// Lengths of an init segment and of parts in a fragmented file.
fn boxes(bytes: &[u8]) -> (u64, Vec<u64>) {
    let (mut init, mut parts, mut at) = (0, Vec::new(), 0);
    while let Some(header) = bytes.get(at..at + 8) {
        let size = u64::from(u32::from_be_bytes([header[0], header[1], header[2], header[3]]));
        match &header[4..] {
            b"moof" => parts.push(size),
            b"mdat" => *parts.last_mut().expect("behind its moof") += size,
            b"ftyp" | b"moov" => init += size,
            _ => break,
        }
        at += usize::try_from(size).expect("small");
    }
    (init, parts)
}

impl Recorded {
    /// Media by ffmpeg, cut and journalled as a recorder does.
    fn make() -> Self {
        let root = tempfile::tempdir().expect("a directory");
        let lesson = LessonId::new();
        let dir = root.path().join(lesson.to_string());
        std::fs::create_dir(&dir).expect("writable");
        let mut recorded = Self {
            root,
            lesson,
            lines: Vec::new(),
        };
        recorded.line(
            0,
            &Entry::Begin {
                version: journal::VERSION,
                lesson,
                epoch_us: 1_800_000_000_000_000,
            },
        );
        let video = "-f lavfi -i testsrc=size=320x180:rate=25 -c:v libx264 -profile:v baseline -pix_fmt yuv420p -g 50 -bf 0 \
                     -frag_duration 200000";
        let audio = "-f lavfi -i sine=frequency=440 -ac 2 -c:a libopus -frag_duration 200000";
        let tracks = [
            (Source::Camera, video, "avc1.42c00d", (320, 180)),
            (Source::Screen, video, "avc1.42c00d", (320, 180)),
            (Source::Microphone, audio, "opus", (0, 0)),
        ];
        for (track, (source, arguments, codecs, size)) in (0..).zip(tracks) {
            let key = TrackKey {
                who: "teacher".into(),
                name: "李 \"老师\"".into(),
                source,
            };
            let path = dir.join(journal::media_file(&key.slug()));
            let mut arguments: Vec<&str> = arguments.split_whitespace().collect();
            let (seconds, path) = (SECONDS.to_string(), path.to_str().expect("plain").to_owned());
            arguments.extend([
                "-t",
                &seconds,
                "-movflags",
                "empty_moov+default_base_moof+frag_discont",
                &path,
            ]);
            ffmpeg(&arguments);
            recorded.line(0, &Entry::Track { track, key });
            recorded.journal(track, Path::new(&path), codecs, size);
        }
        recorded
    }

    fn line(&mut self, at_us: u64, entry: &Entry) {
        let mut line = Vec::new();
        entry.write_line(&mut line);
        self.lines.push((at_us, line));
    }

    fn journal(&mut self, track: u32, path: &Path, codecs: &str, (width, height): (u32, u32)) {
        let (init, parts) = boxes(&std::fs::read(path).expect("made"));
        self.line(
            0,
            &Entry::Init(Init {
                track,
                offset: 0,
                length: init,
                codecs: codecs.into(),
                width,
                height,
            }),
        );
        let long_us = SECONDS * 1_000_000 / parts.len() as u64;
        let mut offset = init;
        for (index, length) in (0..).zip(parts) {
            let at_us = index * long_us;
            let first = at_us % SEGMENT_US < long_us;
            let part = Part {
                track,
                offset,
                length,
                at_us,
                duration_us: long_us,
                samples: 5,
                first,
                last: (at_us + long_us) % SEGMENT_US < long_us,
                independent: first || width == 0,
                filled: false,
            };
            offset += length;
            self.line(at_us + long_us, &Entry::Part(part));
        }
    }

    fn path(&self) -> PathBuf {
        self.root.path().join(self.lesson.to_string()).join(journal::FILE)
    }

    /// Writes the journal up to a class time, and closes it if that is the end.
    fn write(&self, until_us: u64) {
        let mut lines: Vec<&(u64, Vec<u8>)> = self
            .lines
            .iter()
            .filter(|(at_us, _)| *at_us <= until_us)
            .collect();
        lines.sort_by_key(|(at_us, _)| *at_us);
        let mut bytes: Vec<u8> = lines.into_iter().flat_map(|(_, line)| line.clone()).collect();
        if until_us >= SECONDS * 1_000_000 {
            Entry::Close {
                duration_us: until_us,
            }
            .write_line(&mut bytes);
        } else {
            bytes.extend_from_slice(b"{\"type\":\"part\",\"tor");
        }
        // In one step, as a recorder appends: nobody sees an empty journal.
        let next = self.path().with_extension("next");
        std::fs::write(&next, bytes).expect("writable");
        std::fs::rename(&next, self.path()).expect("writable");
    }

    /// Serves it to those who have the token; the address of the recording.
    async fn serve(&self) -> String {
        let store = Arc::new(ReplayStore::new(self.root.path()));
        let answer = move |Route((lesson, path)): Route<(LessonId, String)>,
                           RawQuery(query): RawQuery,
                           headers: HeaderMap| {
            let store = store.clone();
            async move {
                if !query
                    .as_deref()
                    .unwrap_or("")
                    .split('&')
                    .any(|pair| pair == "token=t0ken")
                {
                    return StatusCode::UNAUTHORIZED.into_response();
                }
                store.serve(lesson, &path, query.as_deref(), &headers).await
            }
        };
        let router: Router = Router::new().route("/hls/{lesson}/{*path}", get(answer));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a port");
        let address = listener.local_addr().expect("bound");
        tokio::spawn(async move { axum::serve(listener, router).await });
        format!("http://{address}/hls/{}", self.lesson)
    }
}

async fn run(program: &'static str, arguments: Vec<String>) -> (String, String) {
    let output = tokio::process::Command::new(program)
        .args(arguments)
        .output()
        .await;
    let output = output.expect("ffmpeg is installed");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    (text(&output.stdout), text(&output.stderr))
}

async fn text(url: &str) -> String {
    let response = reqwest::get(url).await.expect("answers");
    assert_eq!(response.status(), StatusCode::OK, "{url}");
    assert_eq!(
        response.headers()["content-type"],
        "application/vnd.apple.mpegurl"
    );
    response.text().await.expect("text")
}

#[tokio::test(flavor = "multi_thread")]
async fn players_play_it() {
    let recorded = tokio::task::spawn_blocking(Recorded::make).await.expect("made");
    recorded.write(SECONDS * 1_000_000);
    let base = recorded.serve().await;
    let master = format!("{base}/master.m3u8?token=t0ken");
    let ask = "-v warning -show_entries format=duration:stream=codec_name,width -of csv=p=0";
    let mut arguments: Vec<String> = ask.split_whitespace().map(Into::into).collect();
    arguments.push(master.clone());
    let (out, said) = run("ffprobe", arguments).await;
    assert!(said.is_empty(), "{said}");
    for wanted in ["h264,320", "opus", "12.0"] {
        assert!(out.contains(wanted), "{wanted}: {out}");
    }
    let decode = format!("-v warning -xerror -i {master} -map 0:v:0 -map 0:a:0 -f null -");
    let (_, said) = run("ffmpeg", decode.split_whitespace().map(Into::into).collect()).await;
    assert!(said.is_empty(), "{said}");

    let master = text(&master).await;
    for wanted in [
        "CODECS=\"avc1.42c00d,opus\"",
        "RESOLUTION=320x180,FRAME-RATE=25.000",
        "NAME=\"李 老师 (teacher-microphone)\"",
        "TYPE=VIDEO,GROUP-ID=\"view\"",
        "teacher-screen/index.m3u8?token=t0ken",
    ] {
        assert!(master.contains(wanted), "{wanted}: {master}");
    }
    let playlist = text(&format!("{base}/teacher-camera/index.m3u8?token=t0ken")).await;
    assert!(
        playlist.ends_with("#EXT-X-ENDLIST\n") && playlist.contains("PLAYLIST-TYPE:VOD"),
        "{playlist}"
    );
    assert_eq!(playlist.matches("#EXTINF:2.000000").count(), 6);
    assert!(playlist.contains("init-0.mp4?token=t0ken"), "{playlist}");
    assert!(
        playlist.contains("PROGRAM-DATE-TIME:2027-01-15T08:00:00.000Z"),
        "{playlist}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn media_is_there_in_ranges_and_for_those_who_may_only() {
    let recorded = tokio::task::spawn_blocking(Recorded::make).await.expect("made");
    recorded.write(SECONDS * 1_000_000);
    let base = recorded.serve().await;
    let client = reqwest::Client::new();
    let ask = async |path: &str, range: Option<&str>| -> reqwest::Response {
        let request = client.get(format!("{base}/{path}"));
        let request = match range {
            Some(range) => request.header("range", range),
            None => request,
        };
        request.send().await.expect("answers")
    };
    let whole = ask("teacher-camera/1.m4s?token=t0ken", None).await;
    assert_eq!(whole.headers()["content-type"], "video/mp4");
    assert!(
        whole.headers()["cache-control"]
            .to_str()
            .expect("text")
            .contains("immutable")
    );
    let whole = whole.bytes().await.expect("bytes");
    let part = ask("teacher-camera/1.m4s?token=t0ken", Some("bytes=4-7")).await;
    assert_eq!(part.status(), StatusCode::PARTIAL_CONTENT);
    assert_eq!(
        part.headers()["content-range"],
        format!("bytes 4-7/{}", whole.len())
    );
    assert_eq!(&part.bytes().await.expect("bytes")[..], b"moof");
    let none = ask("teacher-camera/1.m4s?token=t0ken", Some("bytes=99999999-")).await;
    assert_eq!(none.status(), StatusCode::RANGE_NOT_SATISFIABLE);
    for (path, status) in [
        ("master.m3u8", StatusCode::UNAUTHORIZED),
        ("teacher-camera/99.m4s?token=t0ken", StatusCode::NOT_FOUND),
        ("teacher-camera/journal.ndjson?token=t0ken", StatusCode::NOT_FOUND),
        ("nobody-camera/index.m3u8?token=t0ken", StatusCode::NOT_FOUND),
        (
            "teacher-camera/index.m3u8?token=t0ken&_HLS_part=1",
            StatusCode::BAD_REQUEST,
        ),
    ] {
        assert_eq!(ask(path, None).await.status(), status, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_followed_while_it_is_written() {
    let recorded = tokio::task::spawn_blocking(Recorded::make).await.expect("made");
    recorded.write(5_000_000);
    let base = recorded.serve().await;
    let index = format!("{base}/teacher-camera/index.m3u8?token=t0ken");
    let playlist = text(&index).await;
    for wanted in [
        "PLAYLIST-TYPE:EVENT",
        "CAN-BLOCK-RELOAD=YES",
        "#EXT-X-PART-INF:PART-TARGET=0.210000",
        "#EXT-X-PART:DURATION=0.200000,URI=\"2.0.m4s?token=t0ken\",INDEPENDENT=YES",
        "#EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"2.5.m4s?token=t0ken\"",
    ] {
        assert!(playlist.contains(wanted), "{wanted}: {playlist}");
    }
    assert_eq!(
        playlist.matches("#EXTINF").count(),
        2,
        "the open segment is listed by its parts only"
    );

    // A reload and a hinted part wait until they can be answered; meanwhile others are answered.
    let reload = tokio::spawn({
        let url = format!("{index}&_HLS_msn=2&_HLS_part=5");
        async move { text(&url).await }
    });
    let hinted = tokio::spawn(reqwest::get(format!("{base}/teacher-camera/2.5.m4s?token=t0ken")));
    assert_eq!(text(&index).await, playlist);
    assert!(!reload.is_finished() && !hinted.is_finished());
    recorded.write(5_400_000);
    let playlist = reload.await.expect("answers");
    assert!(playlist.contains("2.5.m4s"), "{playlist}");
    assert_eq!(
        hinted.await.expect("runs").expect("answers").status(),
        StatusCode::OK
    );
    let far = reqwest::get(format!("{index}&_HLS_msn=40"))
        .await
        .expect("answers");
    assert_eq!(far.status(), StatusCode::BAD_REQUEST);

    recorded.write(SECONDS * 1_000_000);
    let playlist = text(&format!("{index}&_HLS_msn=40")).await;
    assert!(playlist.ends_with("#EXT-X-ENDLIST\n"), "{playlist}");
}
