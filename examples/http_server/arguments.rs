//! The command line.

use std::ffi::OsString;
use std::fmt::Write;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::PathBuf;

use kinglet_hosted::Address;

use crate::config::{Config, Mistake, SETTINGS, Setting, Tls};

/// What `--help` prints in front of the settings, and behind them.
const HELP: [&str; 2] = [
    "\
A small HTTP server that shows what kinglet can do.

Usage: http_server [--config FILE] [--check-config] [--SETTING VALUE]...

  --config FILE                   settings, as TOML; flags take the place of what stands there
  --check-config                  say whether the settings are right, and do nothing else
  --help                          print this
  --version                       print the version

Each setting is a key of the file, in its section, and a flag:
",
    "
It serves until Ctrl-C or SIGTERM; then it finishes what is under way. A second one ends it at once.
SIGHUP reads the settings again.
",
];

/// What the program is asked to do.
#[derive(Debug)]
pub(crate) enum Command {
    Serve(Box<Config>, Source),
    CheckConfig,
    Help,
    Version,
}

/// Where the settings come from, to read them again.
#[derive(Clone, Debug, Default)]
pub(crate) struct Source {
    file: Option<PathBuf>,
    overrides: Vec<(&'static Setting, Vec<String>)>,
}

impl Source {
    pub(crate) fn load(&self) -> Result<Config, Mistake> {
        crate::config::load(self.file.as_deref(), &self.overrides)
    }
}

/// Reads the arguments of this process.
pub(crate) fn parse(arguments: impl Iterator<Item = OsString>) -> Result<Command, Mistake> {
    use lexopt::prelude::*;

    let mut source = Source::default();
    let mut only_check = false;
    let mut arguments = lexopt::Parser::from_args(arguments);
    while let Some(argument) = arguments.next()? {
        match argument {
            Long("config") => source.file = Some(arguments.value()?.into()),
            Long("check-config") => only_check = true,
            Long("help") | Short('h') => return Ok(Command::Help),
            Long("version") | Short('V') => return Ok(Command::Version),
            Long(flag) => {
                let setting = SETTINGS.iter().find(|setting| setting.flag == flag);
                let Some(setting) = setting else {
                    return Err(argument.unexpected().into());
                };
                let value = if setting.takes_value() {
                    arguments.value()?.string()?
                } else {
                    String::new()
                };
                let mut known = source.overrides.iter_mut();
                match known.find(|(known, _)| known.flag == setting.flag) {
                    Some((_, values)) => values.push(value),
                    None => source.overrides.push((setting, vec![value])),
                }
            }
            other => return Err(other.unexpected().into()),
        }
    }
    let config = source.load()?;
    Ok(if only_check {
        Command::CheckConfig
    } else {
        Command::Serve(Box::new(config), source)
    })
}

/// What `--help` prints.
pub(crate) fn help() -> String {
    let [mut text, end] = HELP.map(String::from);
    let mut section = "";
    for setting in SETTINGS {
        if setting.section != section {
            section = setting.section;
            let _ = writeln!(text, "\n[{section}]");
        }
        let flag = format!("--{} {}", setting.flag, setting.value);
        let _ = writeln!(text, "  {:28}{flag:31} {}", setting.key, setting.help);
    }
    text + &end
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
    pub(crate) fn at(address: &Address, tls: &Tls) -> Self {
        let (scheme, curl) = match (tls.is_on(), tls.self_signed) {
            (false, _) => ("http", "curl"),
            (true, false) => ("https", "curl"),
            // It is this machine that we ask, so whom the certificate is from does not matter.
            (true, true) => ("https", "curl --insecure"),
        };
        match address {
            Address::Tcp(address) => {
                let mut address = *address;
                match address.ip() {
                    IpAddr::V4(Ipv4Addr::UNSPECIFIED) => address.set_ip(Ipv4Addr::LOCALHOST.into()),
                    IpAddr::V6(Ipv6Addr::UNSPECIFIED) => address.set_ip(Ipv6Addr::LOCALHOST.into()),
                    IpAddr::V4(_) | IpAddr::V6(_) => {}
                }
                Self {
                    origin: format!("{scheme}://{address}"),
                    curl: curl.into(),
                }
            }
            other => {
                let text = other.to_string();
                let path = text.strip_prefix("unix:").unwrap_or(&text);
                Self {
                    origin: format!("{scheme}://localhost"),
                    curl: format!("{curl} --unix-socket {path}"),
                }
            }
        }
    }
}

impl From<lexopt::Error> for Mistake {
    fn from(error: lexopt::Error) -> Self {
        let expected = "expected --listen, --threads or another flag that --help names";
        Self(format!("{error}: {expected}"))
    }
}
