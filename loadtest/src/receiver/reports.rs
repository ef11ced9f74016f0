//! What a receiver that does not open packets tells the sender of them: receiver reports (RFC 3550 §6.4.2, without jitter) and
//! transport-wide feedback (draft-holmer-rmcat-transport-wide-cc-extensions-01), both of what stands in clear.

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

use rtc::rtcp::Packet;
use rtc::rtcp::receiver_report::ReceiverReport;
use rtc::rtcp::reception_report::ReceptionReport;
use rtc::rtcp::sender_report::SenderReport;
use rtc::rtcp::transport_feedbacks::transport_layer_cc::{
    PacketStatusChunk, RecvDelta, StatusChunkTypeTcc, StatusVectorChunk, SymbolSizeTypeTcc, SymbolTypeTcc,
    TransportLayerCc,
};

use crate::attend::receive::SENDER;

const REPORT_EVERY: Duration = Duration::from_secs(1);
const FEEDBACK_EVERY: Duration = Duration::from_millis(100);
/// A jump of the transport's numbers that is a new beginning rather than loss.
const JUMP: i64 = 1_000;
/// Units of the draft, in µs.
const DELTA_US: i64 = 250;
const REFERENCE_US: i64 = 64_000;
/// Symbols of two bits in a chunk.
const CHUNK: usize = 7;

/// What is in clear in an SRTP packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Clear {
    pub(super) ssrc: u32,
    pub(super) sequence: u16,
    pub(super) timestamp: u32,
    pub(super) marker: bool,
    /// Length of the header.
    pub(super) header: usize,
    /// Of the whole transport.
    pub(super) transport: Option<u16>,
}

impl Clear {
    /// Reads a header (RFC 3550 §5.1) and, of its one-byte extensions (RFC 8285 §4.2), the transport's number, which has this `id`.
    pub(super) fn read(packet: &[u8], id: Option<u16>) -> Option<Self> {
        let (fixed, rest) = packet.split_first_chunk::<12>()?;
        let [first, second, s0, s1, t0, t1, t2, t3, c0, c1, c2, c3] = *fixed;
        let sources = 4 * usize::from(first & 0x0f);
        let mut clear = Self {
            ssrc: u32::from_be_bytes([c0, c1, c2, c3]),
            sequence: u16::from_be_bytes([s0, s1]),
            timestamp: u32::from_be_bytes([t0, t1, t2, t3]),
            marker: second & 0x80 != 0,
            header: fixed.len() + sources,
            transport: None,
        };
        if first & 0x10 == 0 {
            return (packet.len() >= clear.header).then_some(clear);
        }
        let (profile, rest) = rest.get(sources..)?.split_first_chunk::<4>()?;
        let length = 4 * usize::from(u16::from_be_bytes([profile[2], profile[3]]));
        clear.header += profile.len() + length;
        let mut elements = rest.get(..length)?;
        while let [head, tail @ ..] = elements {
            let (element, size) = (u16::from(head >> 4), usize::from(head & 0x0f) + 1);
            if *head == 0 || profile[..2] != [0xbe, 0xde] {
                elements = tail;
                continue;
            }
            if Some(element) == id
                && let [high, low, ..] = tail
            {
                clear.transport = Some(u16::from_be_bytes([*high, *low]));
                break;
            }
            elements = tail.get(size..).unwrap_or_default();
        }
        Some(clear)
    }
}

/// A number that goes on where 16 bits end, near the `highest` so far.
fn extended(highest: Option<i64>, number: u16) -> i64 {
    let Some(highest) = highest else {
        return i64::from(number);
    };
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "sequence numbers are taken modulo 2^16"
    )]
    let near = highest as u16;
    highest + i64::from(number.wrapping_sub(near).cast_signed())
}

#[derive(Debug)]
struct Stream {
    first: i64,
    highest: i64,
    received: i64,
    /// Expected and received when it was last reported.
    before: (i64, i64),
    /// The middle of the last sender report's time, and when that came.
    told: Option<(u32, Instant)>,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Reports {
    streams: HashMap<u32, Stream>,
    /// When what was not told of yet came, by the transport's number.
    came: BTreeMap<i64, Instant>,
    /// The first number that was not told of.
    next: Option<i64>,
    highest: Option<i64>,
    feedbacks: u8,
    start: Instant,
    report_at: Instant,
    feedback_at: Instant,
}

impl Reports {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            streams: HashMap::new(),
            came: BTreeMap::new(),
            next: None,
            highest: None,
            feedbacks: 0,
            start: now,
            report_at: now + REPORT_EVERY,
            feedback_at: now + FEEDBACK_EVERY,
        }
    }

    /// A packet of a stream came.
    pub(super) fn came(&mut self, ssrc: u32, sequence: u16) {
        let known = self.streams.get(&ssrc).map(|stream| stream.highest);
        let number = extended(known, sequence);
        let stream = self.streams.entry(ssrc).or_insert(Stream {
            first: number,
            highest: number,
            received: 0,
            before: (0, 0),
            told: None,
        });
        stream.highest = stream.highest.max(number);
        stream.received += 1;
    }

    /// A packet with this number of the transport came.
    pub(super) fn transported(&mut self, now: Instant, number: u16) {
        let number = extended(self.highest, number);
        self.highest = Some(self.highest.map_or(number, |highest| highest.max(number)));
        self.came.entry(number).or_insert(now);
    }

    /// The sender told of a stream.
    pub(super) fn heard(&mut self, now: Instant, report: &SenderReport) {
        if let Some(stream) = self.streams.get_mut(&report.ssrc) {
            #[expect(clippy::cast_possible_truncation, reason = "the middle 32 bits are meant")]
            let middle = (report.ntp_time >> 16) as u32;
            stream.told = Some((middle, now));
        }
    }

    /// What there is to tell now.
    pub(super) fn due(&mut self, now: Instant) -> Vec<Box<dyn Packet>> {
        let mut due: Vec<Box<dyn Packet>> = Vec::new();
        if now >= self.report_at {
            self.report_at = now + REPORT_EVERY;
            let reports = self.streams.iter_mut();
            due.push(Box::new(ReceiverReport {
                ssrc: SENDER,
                reports: reports.map(|(ssrc, stream)| stream.report(*ssrc, now)).collect(),
                ..ReceiverReport::default()
            }));
        }
        if now >= self.feedback_at && !self.came.is_empty() {
            self.feedback_at = now + FEEDBACK_EVERY;
            due.extend(self.feedback().map(|it| Box::new(it) as Box<dyn Packet>));
        }
        due
    }

    fn feedback(&mut self) -> Option<TransportLayerCc> {
        let came = std::mem::take(&mut self.came);
        let (first, last) = (*came.first_key_value()?.0, *came.last_key_value()?.0);
        // What comes after it was told to be missing is not told of again.
        let base = self.next.filter(|next| last - next < JUMP).unwrap_or(first);
        self.next = Some(last + 1);
        let micros = |at: Instant| {
            let since = at.saturating_duration_since(self.start).as_micros();
            i64::try_from(since).unwrap_or(i64::MAX)
        };
        let reference = micros(*came.range(base..).next()?.1) / REFERENCE_US;
        let mut clock = reference * REFERENCE_US;
        let (mut symbols, mut deltas) = (Vec::new(), Vec::new());
        for number in base..=last {
            let Some(at) = came.get(&number) else {
                symbols.push(SymbolTypeTcc::PacketNotReceived);
                continue;
            };
            let units = ((micros(*at) - clock) / DELTA_US).clamp(i64::from(i16::MIN), i64::from(i16::MAX));
            let symbol = match units {
                0..=255 => SymbolTypeTcc::PacketReceivedSmallDelta,
                _ => SymbolTypeTcc::PacketReceivedLargeDelta,
            };
            clock += units * DELTA_US;
            symbols.push(symbol);
            deltas.push(RecvDelta {
                type_tcc_packet: symbol,
                delta: units * DELTA_US,
            });
        }
        let chunk = |symbols: &[SymbolTypeTcc]| {
            let mut symbol_list = symbols.to_vec();
            symbol_list.resize(CHUNK, SymbolTypeTcc::PacketNotReceived);
            PacketStatusChunk::StatusVectorChunk(StatusVectorChunk {
                type_tcc: StatusChunkTypeTcc::StatusVectorChunk,
                symbol_size: SymbolSizeTypeTcc::TwoBit,
                symbol_list,
            })
        };
        self.feedbacks = self.feedbacks.wrapping_add(1);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "taken modulo 2^16, and modulo 2^24 of the draft"
        )]
        Some(TransportLayerCc {
            sender_ssrc: SENDER,
            media_ssrc: self.streams.keys().next().copied().unwrap_or_default(),
            base_sequence_number: base as u16,
            packet_status_count: symbols.len() as u16,
            reference_time: reference as u32 & 0x00ff_ffff,
            fb_pkt_count: self.feedbacks.wrapping_sub(1),
            packet_chunks: symbols.chunks(CHUNK).map(chunk).collect(),
            recv_deltas: deltas,
        })
    }
}

impl Stream {
    fn report(&mut self, ssrc: u32, now: Instant) -> ReceptionReport {
        let expected = self.highest - self.first + 1;
        let (before, received) = self.before;
        let lately = expected - before;
        let missing = (lately - (self.received - received)).max(0);
        self.before = (expected, self.received);
        let fraction = (missing * 256).checked_div(lately).unwrap_or(0).min(255);
        let since = |at: Instant| now.saturating_duration_since(at).as_micros() * 65_536 / 1_000_000;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "the extended number is of 32 bits"
        )]
        let last = self.highest as u32;
        ReceptionReport {
            ssrc,
            fraction_lost: u8::try_from(fraction).unwrap_or(u8::MAX),
            total_lost: u32::try_from(expected - self.received)
                .unwrap_or(0)
                .min(0x007f_ffff),
            last_sequence_number: last,
            jitter: 0,
            last_sender_report: self.told.map_or(0, |(middle, _)| middle),
            delay: self
                .told
                .map_or(0, |(_, at)| u32::try_from(since(at)).unwrap_or(u32::MAX)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rtc::rtcp::packet;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn a_header_is_read_with_the_transports_number() {
        let packet = [
            0x91, 0xe6, 0x12, 0x34, 0, 0, 0, 9, 0, 0, 0, 7, 1, 1, 1, 1, 0xbe, 0xde, 0, 2, 0x10, 0x55, 0x31,
            0xab, 0xcd, 0, 0, 0, 0x65,
        ];
        let clear = Clear::read(&packet, Some(3)).expect("a header");
        assert_eq!((clear.ssrc, clear.sequence, clear.timestamp), (7, 0x1234, 9));
        assert_eq!(
            (clear.marker, clear.header, clear.transport),
            (true, 28, Some(0xabcd))
        );
        assert_eq!(Clear::read(&packet, Some(5)).map(|it| it.transport), Some(None));
        for length in 0..28 {
            assert_eq!(Clear::read(&packet[..length], Some(3)), None, "{length}");
        }
    }

    #[test]
    fn feedback_says_what_came_when_and_what_did_not() {
        let start = Instant::now();
        let mut reports = Reports::new(start);
        for (number, at) in [(65_534, 10), (65_535, 12), (1, 200)] {
            reports.transported(start + ms(at), number);
        }
        let due = reports.due(start + ms(200));
        let mut wire = packet::marshal(&due).expect("written").freeze();
        let read = packet::unmarshal(&mut wire).expect("read back");
        let feedback = read[0]
            .as_any()
            .downcast_ref::<TransportLayerCc>()
            .expect("feedback");
        assert_eq!(
            (feedback.base_sequence_number, feedback.packet_status_count),
            (65_534, 4)
        );
        let deltas: Vec<i64> = feedback.recv_deltas.iter().map(|one| one.delta).collect();
        assert_eq!(deltas, [10_000, 2_000, 188_000]);
        reports.transported(start + ms(301), 3);
        let next = reports.feedback().expect("feedback");
        assert_eq!(
            (next.base_sequence_number, next.packet_status_count),
            (2, 2),
            "2 is missing"
        );
        assert_eq!(next.fb_pkt_count, 1);
    }

    #[test]
    fn a_report_says_what_is_missing_and_answers_the_senders() {
        let start = Instant::now();
        let mut reports = Reports::new(start);
        [65_534, 65_535, 0, 2]
            .into_iter()
            .for_each(|number| reports.came(5, number));
        let told = SenderReport {
            ssrc: 5,
            ntp_time: 0x0001_0002_0003_0004,
            ..SenderReport::default()
        };
        reports.heard(start + ms(500), &told);
        let due = reports.due(start + ms(1_000));
        let report = due[0]
            .as_any()
            .downcast_ref::<ReceiverReport>()
            .expect("a report");
        let block = &report.reports[0];
        assert_eq!((block.fraction_lost, block.total_lost), (51, 1), "one of five");
        assert_eq!(block.last_sequence_number, 0x0001_0002);
        assert_eq!((block.last_sender_report, block.delay), (0x0002_0003, 32_768));
    }
}
