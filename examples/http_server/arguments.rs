//! The command line.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::num::NonZeroUsize;

use kinglet_hosted::Address;

/// What `--help` prints.
pub(crate) const HELP: &str = "\
A small HTTP server that shows what kinglet can do.

Usage: http_server [--listen ADDRESS:PORT] [--threads N]

  --listen ADDRESS:PORT   where to listen: 127.0.0.1:8080, [::1]:8080 or unix:PATH;
                          port 0 is any free one [default: 127.0.0.1:8080]
  --threads N             reactor threads, 1 to 256 [default: 1]
  --help                  print this
  --version               print the version

It serves until Ctrl-C; then it finishes what is under way. A second Ctrl-C ends it at once.
";

/// What the program is asked to do.
#[derive(Debug)]
pub(crate) enum Command {
    Serve(Settings),
    Help,
    Version,
}

/// How to serve.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) address: Address,
    pub(crate) threads: NonZeroUsize,
}

/// An argument that is not understood, with what was expected.
#[derive(Debug)]
pub(crate) struct Mistake(String);

/// Reads the arguments of this process.
pub(crate) fn parse() -> Result<Command, Mistake> {
    use lexopt::prelude::*;

    let mut settings = Settings {
        address: Address::Tcp((Ipv4Addr::LOCALHOST, 8080).into()),
        threads: NonZeroUsize::MIN,
    };
    let mut arguments = lexopt::Parser::from_env();
    while let Some(argument) = arguments.next()? {
        match argument {
            Long("listen") => {
                let text = arguments.value()?.string()?;
                settings.address = text.parse().map_err(|_| {
                    let expected = "expected ADDRESS:PORT, such as 127.0.0.1:8080, or unix:PATH";
                    Mistake(format!("--listen {text:?}: {expected}"))
                })?;
            }
            Long("threads") => {
                let text = arguments.value()?.string()?;
                let threads = text.parse().ok().filter(|n: &NonZeroUsize| n.get() <= 256);
                settings.threads = threads.ok_or_else(|| {
                    Mistake(format!(
                        "--threads {text:?}: expected a number from 1 to 256"
                    ))
                })?;
            }
            Long("help") | Short('h') => return Ok(Command::Help),
            Long("version") | Short('V') => return Ok(Command::Version),
            other => return Err(other.unexpected().into()),
        }
    }
    Ok(Command::Serve(settings))
}

/// How a client on this machine reaches the server.
#[derive(Clone, Debug)]
pub(crate) struct Site {
    /// What goes before the path.
    pub(crate) origin: String,
    /// The command that takes the rest.
    pub(crate) curl: String,
}

impl Site {
    /// The site of a server that listens on `address`.
    pub(crate) fn at(address: &Address) -> Self {
        match address {
            Address::Tcp(address) => {
                let mut address = *address;
                match address.ip() {
                    IpAddr::V4(Ipv4Addr::UNSPECIFIED) => address.set_ip(Ipv4Addr::LOCALHOST.into()),
                    IpAddr::V6(Ipv6Addr::UNSPECIFIED) => address.set_ip(Ipv6Addr::LOCALHOST.into()),
                    IpAddr::V4(_) | IpAddr::V6(_) => {}
                }
                Self {
                    origin: format!("http://{address}"),
                    curl: String::from("curl"),
                }
            }
            other => {
                let text = other.to_string();
                let path = text.strip_prefix("unix:").unwrap_or(&text);
                Self {
                    origin: String::from("http://localhost"),
                    curl: format!("curl --unix-socket {path}"),
                }
            }
        }
    }
}

impl From<lexopt::Error> for Mistake {
    fn from(error: lexopt::Error) -> Self {
        let expected = "expected --listen, --threads, --help or --version";
        Self(format!("{error}: {expected}"))
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
