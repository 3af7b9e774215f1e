//! The command line.

use std::path::PathBuf;

use kinglet_hosted::Address;

use super::target::Target;
use super::{Config, Mistake};

/// What `--help` prints.
pub(crate) const HELP: &str = "\
A reverse proxy that balances load.

Usage: load_balancer --config FILE [--check]
       load_balancer --listen ADDRESS:PORT --upstream ADDRESS:PORT ... [--check]

  --config FILE            the configuration, in TOML
  --listen ADDRESS:PORT    where to listen, or unix:PATH; may be given several times
  --upstream ADDRESS:PORT  a backend, or NAME:PORT; may be given several times
  --check                  say whether the configuration is right, and what it comes to
  --help                   print this
  --version                print the version
";

/// What the program is asked to do.
#[derive(Debug)]
pub(crate) enum Command {
    Serve(Source),
    Check(Source),
    Help,
    Version,
}

/// Where the configuration is, so that it can be read again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    File(PathBuf),
    Flags {
        listen: Vec<Address>,
        upstreams: Vec<Target>,
    },
}

impl Source {
    /// Reads the configuration.
    pub(crate) fn load(&self) -> Result<Config, Mistake> {
        match self {
            Self::File(path) => Config::load(path),
            Self::Flags { listen, upstreams } => {
                let config = Config::simple(listen.clone(), upstreams.clone());
                config.check("the command line", "")?;
                Ok(config)
            }
        }
    }
}

/// Reads arguments, without the name of the program.
pub(crate) fn parse(
    arguments: impl IntoIterator<Item = std::ffi::OsString>,
) -> Result<Command, Mistake> {
    use lexopt::prelude::*;

    let mut file = None;
    let (mut listen, mut upstreams) = (Vec::new(), Vec::new());
    let mut is_check = false;
    let mut arguments = lexopt::Parser::from_args(arguments);
    let unknown = |error: lexopt::Error| {
        let expected = "expected --config, --listen, --upstream, --check, --help or --version";
        Mistake::of_flag(error.to_string(), expected)
    };
    while let Some(argument) = arguments.next().map_err(unknown)? {
        match argument {
            Long("config") => file = Some(PathBuf::from(arguments.value().map_err(unknown)?)),
            Long("listen") => {
                let text = arguments
                    .value()
                    .and_then(ValueExt::string)
                    .map_err(unknown)?;
                let address = text
                    .parse()
                    .map_err(|error: kinglet_hosted::AddressError| {
                        Mistake::of_flag(format!("--listen {text:?}"), error.to_string())
                    })?;
                listen.push(address);
            }
            Long("upstream") => {
                let text = arguments
                    .value()
                    .and_then(ValueExt::string)
                    .map_err(unknown)?;
                let target = text.parse().map_err(|error: &str| {
                    Mistake::of_flag(format!("--upstream {text:?}"), error)
                })?;
                upstreams.push(target);
            }
            Long("check") => is_check = true,
            Long("help") | Short('h') => return Ok(Command::Help),
            Long("version") | Short('V') => return Ok(Command::Version),
            other => return Err(unknown(other.unexpected())),
        }
    }
    let source = match file {
        Some(_) if !listen.is_empty() || !upstreams.is_empty() => {
            let what = "expected neither --listen nor --upstream: the file says both";
            return Err(Mistake::of_flag("--config", what));
        }
        Some(file) => Source::File(file),
        None if listen.is_empty() || upstreams.is_empty() => {
            let what = "expected --config FILE, or --listen and --upstream";
            return Err(Mistake::of_flag("load_balancer", what));
        }
        None => Source::Flags { listen, upstreams },
    };
    Ok(if is_check {
        Command::Check(source)
    } else {
        Command::Serve(source)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Command, String> {
        let words = line.split_whitespace().map(Into::into);
        parse(words).map_err(|mistake| mistake.to_string())
    }

    #[test]
    fn flags_are_a_configuration_too() {
        let line = "--listen 127.0.0.1:0 --upstream 10.0.0.1:80 --upstream app:8080";
        let Ok(Command::Serve(source)) = parsed(line) else {
            panic!("{line}");
        };
        let config = source.load().unwrap();
        let pool = config.pools["default"].as_ref();
        let targets: Vec<_> = pool
            .backends
            .iter()
            .map(|one| one.as_ref().target.to_string())
            .collect();
        assert_eq!(targets, ["10.0.0.1:80", "app:8080"]);
        assert_eq!(
            config
                .routes()
                .find("any.example", "/x")
                .map(String::as_str),
            Some("default")
        );
    }

    #[test]
    fn what_is_wrong_names_the_flag() {
        for (line, expected) in [
            ("", "expected --config FILE, or --listen and --upstream"),
            (
                "--listen 127.0.0.1:80",
                "expected --config FILE, or --listen and --upstream",
            ),
            ("--listen nowhere --upstream a:1", "--listen \"nowhere\": "),
            (
                "--listen 127.0.0.1:80 --upstream a",
                "--upstream \"a\": expected ADDRESS:PORT or NAME:PORT",
            ),
            (
                "--config a.toml --upstream a:1",
                "--config: expected neither",
            ),
            ("--port 80", "expected --config, --listen"),
        ] {
            let told = parsed(line).unwrap_err();
            assert!(told.contains(expected), "{line}: {told}");
        }
        let twice = parsed("--listen 127.0.0.1:80 --upstream a:1 --upstream a:1 --check");
        let Ok(Command::Check(source)) = twice else {
            panic!("{twice:?}");
        };
        let told = source.load().unwrap_err().to_string();
        assert!(told.contains("pools.default.backends[1]"), "{told}");
    }
}
