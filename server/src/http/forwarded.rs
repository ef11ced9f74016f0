//! Who asks through a proxy.

use std::net::IpAddr;

use axum::http::HeaderMap;

use crate::config::Network;

/// What proxies say of whom they ask for: the one asked last is the last.
const FORWARDED_FOR: &str = "x-forwarded-for";

/// The address of a request that came from `peer`: what a trusted proxy says, which is told it by the proxy before it if that is trusted
/// too. Whoever is not trusted can say what it likes.
pub(super) fn client(peer: IpAddr, headers: &HeaderMap, trusted: &[Network]) -> IpAddr {
    let trusted = |address: IpAddr| trusted.iter().any(|network| network.contains(address));
    let lines = headers.get_all(FORWARDED_FOR).iter();
    let lines: Vec<&str> = lines.map(|line| line.to_str().unwrap_or("")).collect();
    let mut said = lines.iter().rev().flat_map(|line| line.rsplit(','));
    let mut client = peer;
    while trusted(client) {
        let Some(Ok(before)) = said.next().map(|text| text.trim().parse::<IpAddr>()) else {
            break;
        };
        client = before.to_canonical();
    }
    client
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_trusted_proxy_is_believed() {
        let trusted: Vec<Network> = ["127.0.0.1", "10.0.0.0/8"]
            .map(|text| text.parse().expect("a network"))
            .into();
        // (from, what is said, line by line) → who asks
        let cases: [(&str, &[&str], &str); 9] = [
            ("127.0.0.1", &["203.0.113.5"], "203.0.113.5"),
            ("203.0.113.9", &["198.51.100.1"], "203.0.113.9"),
            ("127.0.0.1", &[], "127.0.0.1"),
            ("127.0.0.1", &["198.51.100.1, 203.0.113.5"], "203.0.113.5"),
            ("127.0.0.1", &["203.0.113.5, 10.1.1.1"], "203.0.113.5"),
            (
                "127.0.0.1",
                &["198.51.100.1", "203.0.113.5,10.1.1.1"],
                "203.0.113.5",
            ),
            ("127.0.0.1", &["rubbish"], "127.0.0.1"),
            ("127.0.0.1", &["203.0.113.5, rubbish, 10.1.1.1"], "10.1.1.1"),
            ("127.0.0.1", &["::ffff:203.0.113.5"], "203.0.113.5"),
        ];
        for (from, said, expected) in cases {
            let mut headers = HeaderMap::new();
            for line in said {
                headers.append(FORWARDED_FOR, line.parse().expect("a value"));
            }
            let asks = client(from.parse().expect("an address"), &headers, &trusted);
            assert_eq!(asks.to_string(), expected, "{from} {said:?}");
        }
        let mut headers = HeaderMap::new();
        headers.append(FORWARDED_FOR, "203.0.113.5".parse().expect("a value"));
        let peer = "127.0.0.1".parse().expect("an address");
        assert_eq!(client(peer, &headers, &[]), peer);
    }
}
