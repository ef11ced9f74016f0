//! A bad line under a stream of bytes. TCP sends again what is lost and waits until a cut is over: all that a stream shows of
//! its line is time.

use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::sync::mpsc;
use tokio::time::sleep_until;

use super::passage::Passage;
use super::script::Line;
use crate::server::Wire;

/// Bytes of a segment.
const SEGMENT: usize = 1_200;
/// Segments on the way at most; who sends more waits, as for a full socket.
const ON_THE_WAY_MAX: usize = 256;
/// The shortest time after which a segment is sent again (Linux's), doubled each time.
const AGAIN_AFTER: Duration = Duration::from_millis(200);
/// A segment is sent again so often at most.
const AGAIN_MAX: u32 = 6;
/// A cut that does not end lasts so long.
const FOR_EVER: Duration = Duration::from_hours(24);

/// The end of a stream that goes over a bad line. The line began at `start` and is drawn from `seed`.
#[must_use]
pub fn lead(wire: Box<dyn Wire>, line: &Line, start: Instant, seed: u64) -> Box<dyn Wire> {
    let (near, far) = tokio::io::duplex(SEGMENT);
    let (from_us, to_us) = tokio::io::split(far);
    let (from_server, to_server) = tokio::io::split(wire);
    let up = Passage::new(line.up.clone(), start, seed);
    let down = Passage::new(line.down.clone(), start, seed.wrapping_add(1));
    tokio::spawn(carry(from_us, to_server, up));
    tokio::spawn(carry(from_server, to_us, down));
    Box::new(near)
}

/// Carries one direction until either end is gone.
pub(super) async fn carry(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    mut passage: Passage,
) {
    let (sender, mut receiver) = mpsc::channel::<(Instant, Vec<u8>)>(ON_THE_WAY_MAX);
    let read = async move {
        let mut buffer = vec![0; SEGMENT];
        while let Ok(length @ 1..) = from.read(&mut buffer).await {
            let due = due(&mut passage, Instant::now(), length);
            if sender.send((due, buffer[..length].to_vec())).await.is_err() {
                return;
            }
        }
    };
    let write = async move {
        while let Some((due, bytes)) = receiver.recv().await {
            sleep_until(due.into()).await;
            if to.write_all(&bytes).await.is_err() || to.flush().await.is_err() {
                return;
            }
        }
        // Who does not hear the end is gone already.
        let _ = to.shutdown().await;
    };
    tokio::join!(read, write);
}

/// When a segment that is sent now arrives: after all before it.
fn due(passage: &mut Passage, now: Instant, bytes: usize) -> Instant {
    let Some(begins) = passage.open_from(passage.free_from(now)) else {
        return passage.after_others(now) + FOR_EVER;
    };
    let is = passage.at(begins);
    let through = is
        .rate
        .map_or(begins, |rate| passage.squeeze(begins, bytes, rate));
    let mut due = through + is.delay + passage.jitter(&is);
    let mut again = AGAIN_AFTER.max(is.delay * 2);
    for _ in 0..AGAIN_MAX {
        if !passage.loses(&is.loss) {
            break;
        }
        due += again;
        again *= 2;
        // A burst is over by then: it takes some of the packets that follow one another, not each of those that are far apart.
        passage.rests(&is.loss);
    }
    passage.in_its_place(due)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::impair::loss::Loss;
    use crate::impair::script::{Impairment, Rate, Script, Step};

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    fn passage(start: Instant, steps: Vec<(u64, Impairment)>) -> Passage {
        let steps = steps.into_iter().map(|(at, is)| Step { at: ms(at), is });
        Passage::new(Script::new(steps.collect()), start, 1)
    }

    #[test]
    fn a_cut_is_waited_out_and_order_is_kept() {
        let start = Instant::now();
        let slow = Impairment {
            delay: ms(40),
            ..Default::default()
        };
        let cut = Impairment { cut: true, ..slow };
        let mut passage = passage(start, vec![(0, slow), (100, cut), (5_000, slow)]);
        assert_eq!(due(&mut passage, start + ms(10), 100), start + ms(50));
        assert_eq!(due(&mut passage, start + ms(200), 100), start + ms(5_040));
        assert_eq!(due(&mut passage, start + ms(6_000), 100), start + ms(6_040));
    }

    #[test]
    fn loss_is_time_and_a_narrow_place_is_a_queue() {
        let start = Instant::now();
        let lossy = Impairment {
            loss: Loss::random(0.3),
            ..Default::default()
        };
        let mut bad = passage(start, vec![(0, lossy)]);
        let late = (0..100).map(|_| due(&mut bad, start, 100)).max().expect("some") - start;
        assert!(late >= AGAIN_AFTER && late <= AGAIN_AFTER * 64, "{late:?}");
        let narrow = Impairment {
            rate: Some(Rate {
                kbps: 80,
                queue: ms(1),
            }),
            ..Default::default()
        };
        let mut narrow = passage(start, vec![(0, narrow)]);
        assert_eq!(due(&mut narrow, start, 1_000), start + ms(100));
        assert_eq!(
            due(&mut narrow, start, 1_000),
            start + ms(200),
            "nothing is dropped"
        );
    }

    #[test]
    fn a_burst_does_not_last_until_a_segment_is_sent_again() {
        let start = Instant::now();
        let bursts = Impairment {
            loss: Loss::bursts(0.03, 4.0),
            ..Default::default()
        };
        let mut bad = passage(start, vec![(0, bursts)]);
        let mut before = Duration::ZERO;
        let mut longest = Duration::ZERO;
        for second in 0..10_000 {
            let now = start + ms(second * 1_000);
            let late = due(&mut bad, now, 100) - start;
            longest = longest.max(late.saturating_sub(before.max(ms(second * 1_000))));
            before = late;
        }
        assert!(
            longest >= AGAIN_AFTER && longest <= AGAIN_AFTER * 7,
            "{longest:?}"
        );
    }

    #[tokio::test]
    async fn bytes_go_both_ways_and_so_does_the_end() {
        let (client, mut server) = tokio::io::duplex(64);
        let jittery = Impairment {
            delay: ms(2),
            jitter: ms(2),
            ..Default::default()
        };
        let line = Line::both(&Script::always(jittery));
        let mut led = lead(Box::new(client), &line, Instant::now(), 1);
        let sent: Vec<u8> = (0..10_000_u32).map(|number| number.to_le_bytes()[0]).collect();
        let expected = sent.clone();
        let echo = tokio::spawn(async move {
            let mut heard = vec![0; 10_000];
            server.read_exact(&mut heard).await.expect("all of it");
            server.write_all(&heard).await.expect("written");
            // The end follows when it is dropped.
        });
        let mut heard = Vec::new();
        led.write_all(&sent).await.expect("written");
        led.read_to_end(&mut heard).await.expect("to the end");
        assert_eq!(heard, expected);
        echo.await.expect("it echoes");
    }
}
