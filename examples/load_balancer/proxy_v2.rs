//! Writing a PROXY header, version 2: it tells a backend whom a connection is for, before its first byte.
//!
//! ```text
//!  0                       12      13      14          16          16 + length
//! [ 0D 0A 0D 0A 00 ... 0A | 2, cmd | fam, | length, BE | source, destination, their ports ]
//! ```
//!
//! A connection that has said so is that client's: it can be kept and used again for the same client,
//! but for no other.

use core::net::{IpAddr, SocketAddr};

/// The longest header that is written: one with IPv6 addresses.
pub(crate) const MAX_LEN: usize = FIXED_LEN + 36;

const FIXED_LEN: usize = 16;

const SIGNATURE: [u8; 12] = *b"\r\n\r\n\0\r\nQUIT\n";

/// Version 2, and the proxy speaks for itself.
const LOCAL: u8 = 0x20;
/// Version 2, and it speaks for a client.
const PROXY: u8 = 0x21;

/// Writes the header of a connection for a client that has come from `source` to `destination`, to the
/// front of `out`. Two addresses of which one is IPv4 are both written as IPv6; without one of them, as
/// on a Unix socket, the client is unknown.
pub(crate) fn of_client(
    source: Option<SocketAddr>,
    destination: Option<SocketAddr>,
    out: &mut [u8; MAX_LEN],
) -> &[u8] {
    let (Some(source), Some(destination)) = (source, destination) else {
        return write(PROXY, 0x00, &[], out);
    };
    let ports = [source.port(), destination.port()].map(u16::to_be_bytes);
    match [source, destination].map(|one| one.ip().to_canonical()) {
        [IpAddr::V4(source), IpAddr::V4(destination)] => {
            let parts = [
                &source.octets()[..],
                &destination.octets(),
                ports.as_flattened(),
            ];
            write(PROXY, 0x11, &parts, out)
        }
        addresses => {
            let [source, destination] = addresses.map(|address| match address {
                IpAddr::V4(address) => address.to_ipv6_mapped().octets(),
                IpAddr::V6(address) => address.octets(),
            });
            let parts = [&source[..], &destination, ports.as_flattened()];
            write(PROXY, 0x21, &parts, out)
        }
    }
}

/// Writes the header of a connection that is the proxy's own: a check.
pub(crate) fn of_proxy(out: &mut [u8; MAX_LEN]) -> &[u8] {
    write(LOCAL, 0x00, &[], out)
}

fn write<'out>(
    command: u8,
    family: u8,
    parts: &[&[u8]],
    out: &'out mut [u8; MAX_LEN],
) -> &'out [u8] {
    let addresses_len: usize = parts.iter().map(|part| part.len()).sum();
    let [high, low] = (addresses_len as u16).to_be_bytes();
    let fixed = [&SIGNATURE[..], &[command, family, high, low]];
    let bytes = fixed.iter().chain(parts).copied().flatten();
    for (to, byte) in out.iter_mut().zip(bytes) {
        *to = *byte;
    }
    &out[..FIXED_LEN + addresses_len]
}

#[cfg(test)]
mod tests {
    use kinglet_hosted::proxy_protocol::{Source, Status, parse};

    use super::*;

    #[test]
    fn what_is_written_can_be_read() {
        for (source, destination, read) in [
            (
                "192.0.2.1:47",
                "198.51.100.2:80",
                Source::Client("192.0.2.1:47".parse().unwrap()),
            ),
            (
                "[2001:db8::1]:47",
                "[::1]:80",
                Source::Client("[2001:db8::1]:47".parse().unwrap()),
            ),
            (
                "[::ffff:192.0.2.1]:47",
                "198.51.100.2:80",
                Source::Client("192.0.2.1:47".parse().unwrap()),
            ),
            (
                "192.0.2.1:47",
                "[::1]:80",
                Source::Client("[::ffff:192.0.2.1]:47".parse().unwrap()),
            ),
            ("unix", "unix", Source::Proxy),
            ("192.0.2.1:47", "unix", Source::Proxy),
        ] {
            let mut out = [0; MAX_LEN];
            let header = of_client(source.parse().ok(), destination.parse().ok(), &mut out);
            assert_eq!(
                parse(header),
                Ok(Status::Complete(read, header.len())),
                "{source}"
            );
        }
        let mut out = [0; MAX_LEN];
        let header = of_proxy(&mut out);
        assert_eq!(parse(header), Ok(Status::Complete(Source::Proxy, 16)));
    }

    #[test]
    fn every_byte_is_where_it_belongs() {
        let mut out = [0; MAX_LEN];
        let source = "192.0.2.1:258".parse().ok();
        let header = of_client(source, "198.51.100.2:80".parse().ok(), &mut out);
        let expected = [
            &b"\r\n\r\n\0\r\nQUIT\n"[..],
            &[0x21, 0x11, 0, 12],
            &[192, 0, 2, 1, 198, 51, 100, 2],
            &[1, 2, 0, 80],
        ];
        assert_eq!(header, expected.concat());
    }
}
