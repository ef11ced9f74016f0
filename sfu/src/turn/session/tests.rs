use super::*;
use crate::testing::turn::{Ask, Client, Got};
use crate::turn::{Credentials, LONGEST};

const UNIX_S: i64 = 1_790_000_000;
const NUMBER: u16 = 0x4001;

fn engine(port: u16) -> SocketAddr {
    SocketAddr::from(([203, 0, 113, 7], port))
}

fn local(port: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], port))
}

fn relayed() -> SocketAddr {
    SocketAddr::new(crate::turn::RELAYED_FROM, 50_000)
}

/// A step that is no borrow.
#[derive(Debug, PartialEq, Eq)]
enum Did {
    Open,
    Close,
    Send(SocketAddr, Vec<u8>),
}

/// A client before a session, and the time.
struct Line {
    session: Session,
    client: Client,
    now: Instant,
    did: Vec<Did>,
}

fn credentials() -> Credentials {
    Credentials::new(b"a key of the server's")
}

fn line(expires_s: i64) -> Line {
    let candidates = [10_000, 10_001].map(|port| (engine(port), local(port)));
    let now = Instant::now();
    let from = SocketAddr::from(([198, 51, 100, 9], 40_000));
    Line {
        session: Session::new(Arc::new(Realm::new(credentials(), candidates)), from, now, UNIX_S),
        client: Client::new(credentials().issue("a-peer", expires_s)),
        now,
        did: Vec::new(),
    }
}

fn allocated() -> Line {
    let mut line = line(UNIX_S + 36_000);
    assert_eq!(line.ask(Ask::Allocate).code(), Some(401));
    assert_eq!(line.ask(Ask::Allocate).code(), Some(0));
    line.did.clear();
    line
}

impl Line {
    fn say(&mut self, bytes: &[u8]) -> Result<Vec<Got>, Malformed> {
        let mut out = Vec::new();
        self.session.receive(bytes);
        loop {
            let did = match self.session.next(self.now, &mut out)? {
                None => break,
                Some(Step::Open) => Did::Open,
                Some(Step::Close) => Did::Close,
                Some(Step::Send { to, data }) => Did::Send(to, data.to_vec()),
            };
            if did == Did::Open {
                self.session.opened(self.now, relayed(), &mut out);
            }
            self.did.push(did);
        }
        Ok(self.client.receive(&out))
    }

    fn ask(&mut self, ask: Ask) -> Got {
        let request = self.client.request(ask);
        let mut got = self.say(&request).expect("a message");
        assert_eq!(got.len(), 1, "{got:?}");
        got.remove(0)
    }

    fn code(&mut self, ask: Ask) -> u16 {
        self.ask(ask).code().expect("an answer")
    }

    fn passes(&mut self, seconds: u64) {
        self.now += Duration::from_secs(seconds);
    }

    fn deliver(&mut self, from: SocketAddr, data: &[u8]) -> Vec<Got> {
        let mut out = Vec::new();
        self.session.deliver(self.now, from, data, &mut out);
        self.client.receive(&out)
    }
}

#[test]
fn an_allocation_is_given_to_who_knows_the_password() {
    let mut line = line(UNIX_S + 36_000);
    assert_eq!(line.code(Ask::Allocate), 401, "nobody said who asks");
    let answer = line.ask(Ask::Allocate);
    let expected = Got::Answer {
        code: None,
        relayed: Some(relayed()),
        mapped: Some(SocketAddr::from(([198, 51, 100, 9], 40_000))),
        lifetime_s: Some(600),
    };
    assert_eq!(answer, expected);
    assert_eq!(line.did, [Did::Open]);
    assert_eq!(line.session.user(), Some("a-peer"));
    assert_eq!(line.code(Ask::Allocate), 437, "one for each connection");
}

#[test]
fn who_does_not_is_refused() {
    let good = credentials().issue("a-peer", UNIX_S + 60);
    let other = Credentials::new(b"another key").issue("a-peer", UNIX_S + 60);
    let old = credentials().issue("a-peer", UNIX_S);
    let mut longer = good;
    longer.username = format!("{}:a-peer", UNIX_S + 600);
    for wrong in [other, old, longer] {
        let mut line = line(0);
        line.client = Client::new(wrong);
        assert_eq!(line.code(Ask::Allocate), 401);
        assert_eq!(line.code(Ask::Allocate), 401);
        assert_eq!(line.did, []);
    }
    let mut line = line(UNIX_S + 60);
    for ask in [
        Ask::Refresh(600),
        Ask::Permit(engine(10_000)),
        Ask::Bind(NUMBER, engine(10_000)),
    ] {
        line.code(ask);
        assert_eq!(line.code(ask), 437, "{ask:?} before there is an allocation");
    }
}

#[test]
fn only_the_engine_is_spoken_to() {
    let mut line = allocated();
    let elsewhere = SocketAddr::from(([198, 51, 100, 1], 10_000));
    let this_machine = SocketAddr::from(([127, 0, 0, 1], 22));
    for peer in [elsewhere, this_machine] {
        assert_eq!(line.code(Ask::Permit(peer)), 403);
        assert_eq!(line.code(Ask::Bind(NUMBER, peer)), 403);
        assert_eq!(line.say(&Client::indication(peer, b"hello")), Ok(vec![]));
    }
    assert_eq!(
        line.code(Ask::Bind(NUMBER, engine(22))),
        403,
        "another port of the engine's host"
    );
    assert_eq!(line.code(Ask::Permit(engine(10_000))), 0);
    assert_eq!(line.say(&Client::indication(engine(22), b"hello")), Ok(vec![]));
    let v6 = "[2001:db8::1]:10000".parse().expect("an address");
    assert_eq!(line.code(Ask::Permit(v6)), 443);
    assert_eq!(line.code(Ask::Bind(0x3fff, engine(10_000))), 400);
    assert_eq!(line.did, []);
}

#[test]
fn datagrams_pass_by_indications_and_by_channels() {
    let mut line = allocated();
    assert_eq!(
        line.say(&Client::indication(engine(10_000), b"too soon")),
        Ok(vec![])
    );
    assert_eq!(line.deliver(local(10_000), b"too soon"), []);
    assert_eq!(line.code(Ask::Permit(engine(10_000))), 0);
    line.say(&Client::indication(engine(10_000), b"check"))
        .expect("taken");
    assert_eq!(line.did, [Did::Send(local(10_000), b"check".to_vec())]);
    let answer = line.deliver(local(10_000), b"answer");
    assert_eq!(answer, [Got::Data(engine(10_000), b"answer".to_vec())]);
    assert_eq!(line.deliver(local(10_001), b"nobody asked"), []);
    assert_eq!(line.code(Ask::Bind(NUMBER, engine(10_000))), 0);
    line.did.clear();
    line.say(&Client::channel(NUMBER, b"media")).expect("taken");
    line.say(&Client::channel(NUMBER + 1, b"no channel"))
        .expect("taken");
    assert_eq!(line.did, [Did::Send(local(10_000), b"media".to_vec())]);
    let media = line.deliver(local(10_000), b"media");
    assert_eq!(media, [Got::Channel(NUMBER, b"media".to_vec())]);
}

#[test]
fn it_does_not_matter_in_which_pieces_it_comes() {
    let mut line = allocated();
    assert_eq!(line.code(Ask::Bind(NUMBER, engine(10_000))), 0);
    let mut bytes = Vec::new();
    for length in 1..40_usize {
        bytes.extend(Client::channel(NUMBER, &vec![7; length]));
        bytes.extend(Client::indication(engine(10_000), &vec![8; length]));
    }
    for piece in bytes.chunks(7) {
        line.say(piece).expect("a message");
    }
    assert_eq!(line.did.len(), 78);
}

#[test]
fn an_allocation_ends_when_it_is_not_refreshed() {
    let mut line = allocated();
    assert_eq!(line.code(Ask::Bind(NUMBER, engine(10_000))), 0);
    for _ in 0..5 {
        line.passes(100);
        assert_eq!(line.code(Ask::Permit(engine(10_000))), 0);
        line.say(&Client::channel(NUMBER, b"media")).expect("taken");
    }
    assert_eq!(line.session.over(line.now), None);
    line.passes(100);
    assert_eq!(line.session.over(line.now), Some(Over::Expired));
    let mut line = allocated();
    line.passes(100);
    let Got::Answer { lifetime_s, .. } = line.ask(Ask::Refresh(9_999)) else {
        panic!("no answer")
    };
    assert_eq!(lifetime_s, Some(3_600), "the longest there is");
    assert_eq!(
        line.session.deadline(),
        Some(line.now + Duration::from_secs(20)),
        "it is idle"
    );
    line.passes(20);
    assert_eq!(line.session.over(line.now), Some(Over::Idle));
}

#[test]
fn an_allocation_does_not_outlast_its_credentials() {
    let mut line = line(UNIX_S + 60);
    line.code(Ask::Allocate);
    let Got::Answer { lifetime_s, .. } = line.ask(Ask::Allocate) else {
        panic!("no answer")
    };
    assert_eq!(lifetime_s, Some(60));
    line.passes(60);
    assert_eq!(line.code(Ask::Refresh(600)), 401);
    assert_eq!(line.session.over(line.now), Some(Over::Expired));
}

#[test]
fn permissions_and_channels_end_too() {
    let mut line = allocated();
    assert_eq!(line.code(Ask::Refresh(3_600)), 0);
    assert_eq!(line.code(Ask::Bind(NUMBER, engine(10_000))), 0);
    line.passes(300);
    line.say(&Client::channel(NUMBER, b"without a permission"))
        .expect("taken");
    assert_eq!(line.did, []);
    assert_eq!(line.code(Ask::Permit(engine(10_000))), 0);
    line.say(&Client::channel(NUMBER, b"again")).expect("taken");
    assert_eq!(line.did.len(), 1);
    line.passes(300);
    assert_eq!(line.code(Ask::Permit(engine(10_000))), 0);
    line.say(&Client::channel(NUMBER, b"without a channel"))
        .expect("taken");
    assert_eq!(line.did.len(), 1);
}

#[test]
fn an_old_nonce_is_replaced() {
    let mut line = allocated();
    assert_eq!(line.code(Ask::Refresh(3_600)), 0);
    line.passes(3_600);
    assert_eq!(line.code(Ask::Refresh(3_600)), 438);
    assert_eq!(line.code(Ask::Refresh(3_600)), 0);
}

#[test]
fn what_is_given_back_is_closed() {
    let mut line = allocated();
    let Got::Answer { lifetime_s, code, .. } = line.ask(Ask::Refresh(0)) else {
        panic!("no answer")
    };
    assert_eq!((lifetime_s, code), (Some(0), None));
    assert_eq!(line.did, [Did::Close]);
    line.passes(10);
    assert_eq!(line.session.over(line.now), Some(Over::Unused));
}

#[test]
fn who_asks_for_nothing_is_sent_away() {
    let mut line = line(UNIX_S + 60);
    assert_eq!(line.session.over(line.now), None);
    line.passes(10);
    assert_eq!(line.session.over(line.now), Some(Over::Unused));
    assert!(matches!(
        line.ask(Ask::Binding),
        Got::Answer { mapped: Some(_), .. }
    ));
}

#[test]
fn what_is_no_turn_is_an_error() {
    for bytes in [b"GET / HTTP/1.1\r\n".as_slice(), &[0; LONGEST], &[0xff; 4]] {
        assert_eq!(line(0).say(bytes), Err(Malformed));
    }
}

#[test]
fn a_bound_of_the_house_is_said() {
    for (why, code) in [(Refused::Quota, 486), (Refused::Capacity, 508)] {
        let mut line = line(UNIX_S + 60);
        line.code(Ask::Allocate);
        let (request, mut out) = (line.client.request(Ask::Allocate), Vec::new());
        line.session.receive(&request);
        assert_eq!(line.session.next(line.now, &mut out), Ok(Some(Step::Open)));
        line.session.refused(line.now, why, &mut out);
        let got = line.client.receive(&out);
        assert_eq!(got.iter().map(Got::code).collect::<Vec<_>>(), [Some(code)]);
        assert_eq!(line.code(Ask::Refresh(600)), 437);
    }
}
