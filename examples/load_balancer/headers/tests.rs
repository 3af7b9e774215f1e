use super::*;
use crate::samples::{with_request, with_response};

const HOP: Hop<'_> = Hop {
    pseudonym: "edge",
    version: Version::Http11,
    client: Some(SocketAddr::new(
        IpAddr::V4(core::net::Ipv4Addr::new(192, 0, 2, 1)),
        4711,
    )),
    scheme: "https",
    host: "example.com",
    naming: Naming::None,
    earlier: Earlier::Drop,
};

/// The lines that go to the backend.
fn passed(lines: &str, hop: &Hop<'_>) -> String {
    with_request("GET", lines, |incoming| {
        let mut out = String::new();
        request(
            incoming.fields(),
            hop,
            None,
            &mut Vec::new(),
            |name, value| {
                let value = str::from_utf8(value).unwrap();
                out += &format!("{name}: {value}\r\n");
            },
        );
        out
    })
}

#[test]
fn what_is_of_one_connection_stays_here() {
    for (lines, expected) in [
        (
            "Accept: */*\r\nX-A: 1\r\nX-a: 2\r\n",
            "Accept: */*\r\nX-A: 1\r\nX-a: 2\r\n",
        ),
        ("Connection: close\r\nAccept: a\r\n", "Accept: a\r\n"),
        (
            "Keep-Alive: timeout=5\r\nProxy-Connection: keep-alive\r\n",
            "",
        ),
        (
            "Connection: x-a , X-B\r\nX-A: 1\r\nx-b: 2\r\nX-C: 3\r\n",
            "X-C: 3\r\n",
        ),
        ("X-A: 1\r\nConnection: close\r\nConnection: X-A\r\n", ""),
        ("X-AB: 1\r\nConnection: X-A\r\n", "X-AB: 1\r\n"),
        (
            "Transfer-Encoding: chunked\r\nTrailer: a\r\n",
            "Trailer: a\r\n",
        ),
        ("TE: trailers\r\nConnection: TE\r\n", ""),
        (
            "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n",
            "Sec-WebSocket-Version: 13\r\n",
        ),
        (
            "Content-Length: 0\r\nExpect: 100-continue\r\nProxy: http://evil/\r\n",
            "",
        ),
        (
            "Authorization: Basic YQ==\r\nCookie: a=b\r\n",
            "Authorization: Basic YQ==\r\nCookie: a=b\r\n",
        ),
    ] {
        assert_eq!(
            passed(lines, &HOP),
            format!("{expected}Via: 1.1 edge\r\n"),
            "{lines}"
        );
    }
}

#[test]
fn what_has_to_be_said_anew_is_told() {
    for (lines, takes_trailers, upgrade) in [
        ("", false, None),
        ("TE: gzip, Trailers\r\n", true, None),
        ("TE: trailers;q=0.5\r\n", false, None),
        ("Upgrade: websocket\r\n", false, None),
        (
            "Upgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n",
            false,
            Some("websocket"),
        ),
    ] {
        with_request("GET", lines, |request| {
            let upgrade = upgrade.map(str::as_bytes);
            let expected = HopByHop {
                takes_trailers,
                upgrade,
            };
            assert_eq!(HopByHop::of(request.fields()), expected, "{lines}");
        });
    }
}

#[test]
fn via_is_appended_to_with_the_version_that_came() {
    let lines = "Via: 1.0 fred, 1.1 p.example.net (Apache)\r\nA: b\r\n";
    let hop = Hop {
        version: Version::Http10,
        ..HOP
    };
    let expected = "Via: 1.0 fred, 1.1 p.example.net (Apache)\r\nA: b\r\nVia: 1.0 edge\r\n";
    assert_eq!(passed(lines, &hop), expected);
}

#[test]
fn forwarded_names_the_client() {
    for (client, host, expected) in [
        (
            "192.0.2.1:80",
            "example.com",
            "for=192.0.2.1;host=example.com;proto=https",
        ),
        (
            "192.0.2.1:80",
            "example.com:81",
            "for=192.0.2.1;host=\"example.com:81\";proto=https",
        ),
        (
            "[2001:db8::1]:80",
            "[::1]",
            "for=\"[2001:db8::1]\";host=\"[::1]\";proto=https",
        ),
        ("[::ffff:192.0.2.1]:80", "", "for=192.0.2.1;proto=https"),
        ("unix", "a", "for=unknown;host=a;proto=https"),
    ] {
        let hop = Hop {
            client: client.parse().ok(),
            host,
            naming: Naming::Forwarded,
            ..HOP
        };
        let expected = format!("Forwarded: {expected}\r\nVia: 1.1 edge\r\n");
        assert_eq!(passed("", &hop), expected);
    }
}

#[test]
fn nobody_but_a_trusted_proxy_says_who_the_client_was() {
    let lines = "Forwarded: for=198.51.100.7\r\nX-Forwarded-For: 198.51.100.7\r\n\
        X-Forwarded-For: 198.51.100.8\r\nX-Forwarded-Proto: http\r\nConnection: Forwarded, X-Forwarded-For\r\n";
    let rows = [
        (Naming::None, Earlier::Drop, ""),
        (
            Naming::None,
            Earlier::Keep,
            "Forwarded: for=198.51.100.7\r\nX-Forwarded-For: 198.51.100.7\r\n\
            X-Forwarded-For: 198.51.100.8\r\nX-Forwarded-Proto: http\r\n",
        ),
        (
            Naming::Forwarded,
            Earlier::Drop,
            "Forwarded: for=192.0.2.1;host=example.com;proto=https\r\n",
        ),
        (
            Naming::Forwarded,
            Earlier::Keep,
            "Forwarded: for=198.51.100.7\r\nX-Forwarded-For: 198.51.100.7\r\n\
            X-Forwarded-For: 198.51.100.8\r\nX-Forwarded-Proto: http\r\n\
            Forwarded: for=192.0.2.1;host=example.com;proto=https\r\n",
        ),
        (
            Naming::XForwarded,
            Earlier::Drop,
            "X-Forwarded-For: 192.0.2.1\r\nX-Forwarded-Host: example.com\r\nX-Forwarded-Proto: https\r\n",
        ),
        (
            Naming::XForwarded,
            Earlier::Keep,
            "Forwarded: for=198.51.100.7\r\nX-Forwarded-Proto: http\r\n\
            X-Forwarded-For: 198.51.100.7, 198.51.100.8, 192.0.2.1\r\nX-Forwarded-Host: example.com\r\n",
        ),
    ];
    for (naming, earlier, expected) in rows {
        let hop = Hop {
            naming,
            earlier,
            ..HOP
        };
        let expected = format!("{expected}Via: 1.1 edge\r\n");
        assert_eq!(passed(lines, &hop), expected, "{naming:?} {earlier:?}");
    }
}

#[test]
fn max_forwards_is_replaced() {
    with_request("OPTIONS", "Max-Forwards: 10\r\nA: b\r\n", |incoming| {
        let mut names = Vec::new();
        request(
            incoming.fields(),
            &HOP,
            Some(9),
            &mut Vec::new(),
            |name, value| {
                names.push((name.to_owned(), value.to_vec()));
            },
        );
        let expected = [("A", "b"), ("Max-Forwards", "9"), ("Via", "1.1 edge")];
        let expected = expected.map(|(name, value)| (name.to_owned(), value.as_bytes().to_vec()));
        assert_eq!(names, expected);
    });
}

#[test]
fn responses_pass_with_their_own_date_and_server() {
    let lines = "Date: today\r\nServer: b\r\nConnection: x-a\r\nX-A: 1\r\nContent-Length: 0\r\n\
        Set-Cookie: a=1\r\nSet-Cookie: b=2\r\nKeep-Alive: timeout=1\r\n";
    with_response(lines, |incoming| {
        let mut names = Vec::new();
        end_to_end(incoming.fields(), |line| names.push(line.name()));
        assert_eq!(names, ["Date", "Server", "Set-Cookie", "Set-Cookie"]);
    });
}

#[test]
fn a_host_in_quotes_cannot_end_them() {
    let mut out = Vec::new();
    put_value(&mut out, br#"a";proto=x\"#);
    assert_eq!(out, br#""a\";proto=x\\""#);
}
