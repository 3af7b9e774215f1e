//! Where a backend is: an address, or a name that is resolved.

use core::fmt;
use core::net::SocketAddr;
use core::str::FromStr;

use crate::route::Host;

/// Where a backend is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    Address(SocketAddr),
    /// A name that is resolved, again and again.
    Name {
        host: String,
        port: u16,
    },
}

impl FromStr for Target {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const EXPECTED: &str = "expected ADDRESS:PORT or NAME:PORT";
        let target = match text.parse() {
            Ok(address) => Self::Address(address),
            Err(_) => {
                let (host, port) = text.rsplit_once(':').ok_or(EXPECTED)?;
                let is_number = port.bytes().all(|byte| byte.is_ascii_digit());
                let port = port.parse().ok().filter(|_| is_number).ok_or(EXPECTED)?;
                // Digits and dots alone are an address that is wrong.
                let has_letter = host.bytes().any(|byte| byte.is_ascii_alphabetic());
                match Host::parse(host) {
                    Some(Host::Name(host)) if has_letter && !host.starts_with('[') => {
                        Self::Name { host, port }
                    }
                    _ => return Err(EXPECTED),
                }
            }
        };
        if target.port() == 0 {
            return Err("expected a port from 1 to 65535");
        }
        Ok(target)
    }
}

impl Target {
    pub(crate) const fn port(&self) -> u16 {
        match self {
            Self::Address(address) => address.port(),
            Self::Name { port, .. } => *port,
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address) => address.fmt(f),
            Self::Name { host, port } => write!(f, "{host}:{port}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn backends_are_addresses_or_names() {
        for text in ["10.0.0.1:80", "[::1]:8080", "app:80", "app.internal:8080"] {
            assert_eq!(text.parse::<Target>().unwrap().to_string(), text);
        }
        for text in [
            "",
            "10.0.0.1",
            "10.0.0:80",
            "10.0.0.256:80",
            "app",
            "app:",
            "app:0",
            "1.2.3.4:0",
            "::1:80",
            "[::1]",
            "app:+1",
            "*.app:80",
            "http://app:80",
        ] {
            assert!(text.parse::<Target>().is_err(), "{text}");
        }
    }
}
