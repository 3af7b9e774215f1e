use super::*;

/// A header of these parts.
fn header(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
    let len = u16::try_from(rest.len()).unwrap();
    [&SIGNATURE[..], &[command, family], &len.to_be_bytes(), rest].concat()
}

const V4: [u8; 12] = [192, 0, 2, 7, 203, 0, 113, 1, 0x1f, 0x90, 0, 80];

fn v6() -> Vec<u8> {
    let source: Ipv6Addr = "2001:db8::7".parse().unwrap();
    let destination: Ipv6Addr = "2001:db8::1".parse().unwrap();
    let ports = [0x1f, 0x90, 0, 80];
    [&source.octets()[..], &destination.octets(), &ports].concat()
}

/// The same with a checksum behind it, which `spoil` is added to.
fn with_checksum(command: u8, family: u8, addresses: &[u8], spoil: u32) -> Vec<u8> {
    let rest = [addresses, &[3, 0, 4, 0, 0, 0, 0], &[4, 0, 1, 9]].concat();
    let mut header = header(command, family, &rest);
    let sum = crc32c(header.iter().copied()).wrapping_add(spoil);
    let at = header.len() - 8;
    header[at..at + 4].copy_from_slice(&sum.to_be_bytes());
    header
}

/// Whole, split everywhere and with bytes behind, the outcome is the same; and no prefix asks for more
/// than the header has.
fn check(name: &str, bytes: &[u8], expected: Result<Source, ProxyHeaderError>) {
    let mut outcome = None;
    for end in 0..=bytes.len() {
        match parse(&bytes[..end]) {
            Ok(Status::Partial(needed)) => {
                assert!(outcome.is_none(), "{name}: undone at {end}");
                assert!(
                    (end + 1..=bytes.len().max(FIXED_LEN)).contains(&needed),
                    "{name} at {end}"
                );
            }
            Ok(Status::Complete(source, len)) => {
                assert_eq!((end, len), (bytes.len(), bytes.len()), "{name}");
                outcome = Some(Ok(source));
            }
            Err(error) => {
                assert!(matches!(outcome, None | Some(Err(_))), "{name} at {end}");
                outcome.get_or_insert(Err(error));
            }
        }
    }
    assert_eq!(outcome, Some(expected), "{name}");
    let more = [bytes, b"GET / HTTP/1.1\r\n"].concat();
    let behind = parse(&more).map(|status| match status {
        Status::Complete(source, len) if len == bytes.len() => source,
        other => panic!("{name}: {other:?} with bytes behind"),
    });
    assert_eq!(behind, expected, "{name} with bytes behind");
}

#[test]
fn headers_say_whom_a_proxy_speaks_for() {
    let client = |text: &str| Ok(Source::Client(text.parse().unwrap()));
    let four = client("192.0.2.7:8080");
    let six = client("[2001:db8::7]:8080");
    let fields = [&V4[..], &[1, 0, 2, b'h', b'2', 4, 0, 0]].concat();
    let rows = [
        ("TCP over IPv4", header(0x21, 0x11, &V4), four),
        ("TCP over IPv6", header(0x21, 0x21, &v6()), six),
        ("Unix", header(0x21, 0x31, &[b'/'; 216]), Ok(Source::Local)),
        ("fields", header(0x21, 0x11, &fields), four),
        ("checksum", with_checksum(0x21, 0x11, &V4, 0), four),
        ("checksum, IPv6", with_checksum(0x21, 0x21, &v6(), 0), six),
        ("local", header(0x20, 0x00, &[]), Ok(Source::Proxy)),
        (
            "local with addresses",
            header(0x20, 0x11, &V4),
            Ok(Source::Proxy),
        ),
        ("unspecified", header(0x21, 0x00, &[]), Ok(Source::Proxy)),
        (
            "unspecified, long",
            header(0x21, 0x00, &[7; 99]),
            Ok(Source::Proxy),
        ),
        (
            "the longest",
            header(0x20, 0x00, &[0; MAX_LEN - 16]),
            Ok(Source::Proxy),
        ),
    ];
    for (name, bytes, expected) in rows {
        check(name, &bytes, expected);
    }
}

#[test]
fn anything_else_is_refused() {
    use ProxyHeaderError::*;

    let cut_field = [&V4[..], &[1, 0, 3, b'h', b'2']].concat();
    let cut_len = [&V4[..], &[1, 0]].concat();
    let short_sum = [&V4[..], &[3, 0, 3, 0, 0, 0]].concat();
    let rows = [
        ("a request", b"GET / HTTP/1.1\r\n".to_vec(), Signature),
        (
            "version 1",
            b"PROXY TCP4 192.0.2.7 203.0.113.1 8080 80\r\n".to_vec(),
            Signature,
        ),
        ("TLS", vec![22, 3, 1, 0, 200], Signature),
        ("version 3", header(0x31, 0x11, &V4), Version),
        ("command 2", header(0x22, 0x11, &V4), Command),
        ("UDP", header(0x21, 0x12, &V4), Transport),
        ("family 4", header(0x21, 0x41, &V4), Transport),
        ("IPv4, short", header(0x21, 0x11, &V4[1..]), TooShort),
        ("IPv6, short", header(0x21, 0x21, &v6()[1..]), TooShort),
        ("IPv6, shorter", header(0x21, 0x21, &v6()[..9]), TooShort),
        ("Unix, short", header(0x21, 0x31, &[0; 215]), TooShort),
        ("too long", header(0x20, 0x00, &[0; MAX_LEN - 15]), TooLong),
        (
            "a field past the end",
            header(0x21, 0x11, &cut_field),
            Field,
        ),
        (
            "a field without a length",
            header(0x21, 0x11, &cut_len),
            Field,
        ),
        ("a short checksum", header(0x21, 0x11, &short_sum), Checksum),
        (
            "a wrong checksum",
            with_checksum(0x21, 0x11, &V4, 1),
            Checksum,
        ),
    ];
    for (name, bytes, expected) in rows {
        check(name, &bytes, Err(expected));
    }
}

#[test]
fn the_checksum_is_that_of_others() {
    assert_eq!(crc32c(b"123456789".iter().copied()), 0xe306_9283);
}
