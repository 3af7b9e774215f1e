//! The settings: from a file, from the command line, and what they mean.
//!
//! ```text
//!  --config FILE --> text --+--> checked, with line and column
//!                           |
//!                           +--> table <-- the other flags, each for one key
//!                                  |
//!                                  v
//!                               Config --> Options of the server
//! ```
//!
//! [`SETTINGS`] has a row for each key; the flags and `--help` come from it.

use std::fmt;
use std::net::Ipv4Addr;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use kinglet_core::Limits;
use kinglet_hosted::{Address, Network, Options};
use serde::Deserialize;
use serde::de::{Deserializer, Error as _};
use toml::{Table, Value};

/// All settings. What is left out has the value of [`Default`].
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Config {
    pub(crate) server: Server,
    pub(crate) limits: Bounds,
    pub(crate) tls: Tls,
    pub(crate) files: Files,
    pub(crate) log: Log,
    pub(crate) admin: Admin,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Server {
    pub(crate) listen: Vec<Parsed<Listen>>,
    #[serde(deserialize_with = "threads")]
    pub(crate) threads: NonZeroUsize,
    pub(crate) name: String,
    pub(crate) drain_timeout: Parsed<Span>,
    pub(crate) hand_over: Option<PathBuf>,
    pub(crate) pid_file: Option<PathBuf>,
    pub(crate) user: Option<String>,
    pub(crate) umask: Option<Parsed<Umask>>,
    pub(crate) proxy_protocol: Vec<Parsed<Network>>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Bounds {
    max_connections: usize,
    max_connections_per_address: usize,
    exempt: Vec<Parsed<Network>>,
    max_head_len: u16,
    max_content_len: u64,
    max_message_len: u64,
    head_timeout: Parsed<Span>,
    idle_timeout: Parsed<Span>,
    rate_window: Parsed<Span>,
    min_receive_rate: u32,
    min_send_rate: u32,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Tls {
    pub(crate) cert: Option<PathBuf>,
    pub(crate) key: Option<PathBuf>,
    pub(crate) self_signed: bool,
    pub(crate) client_ca: Option<PathBuf>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Files {
    pub(crate) root: Option<PathBuf>,
    pub(crate) listing: bool,
    pub(crate) symlinks: bool,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Log {
    pub(crate) level: Option<String>,
    pub(crate) access: Option<PathBuf>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Admin {
    pub(crate) listen: Option<Parsed<Listen>>,
}

/// One key: its section and name in the file, its flag, and what it takes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Setting {
    pub(crate) section: &'static str,
    pub(crate) key: &'static str,
    pub(crate) flag: &'static str,
    kind: Kind,
    /// What stands for its value in the help.
    pub(crate) value: &'static str,
    pub(crate) help: &'static str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Text,
    Number,
    /// A flag that takes no value.
    Switch,
    /// A flag that may come several times; what it names takes the place of what the file names.
    List,
}

const fn row(
    section: &'static str,
    key: &'static str,
    flag: &'static str,
    kind: Kind,
    value: &'static str,
    help: &'static str,
) -> Setting {
    Setting {
        section,
        key,
        flag,
        kind,
        value,
        help,
    }
}

/// Each key of the file with its flag.
#[rustfmt::skip]
pub(crate) const SETTINGS: &[Setting] = &[
    row("server", "listen", "listen", Kind::List, "ADDRESS:PORT", "where to listen, or unix:PATH; port 0 is any free one [127.0.0.1:8080]"),
    row("server", "threads", "threads", Kind::Number, "N", "reactor threads, 1 to 256 [1]"),
    row("server", "name", "server-name", Kind::Text, "NAME", "what Server says; empty for nothing [kinglet]"),
    row("server", "drain_timeout", "drain-timeout", Kind::Text, "TIME", "how long exchanges may take at the end [10s]"),
    row("server", "hand_over", "hand-over", Kind::Text, "PATH", "where the next process takes the listeners over"),
    row("server", "pid_file", "pid-file", Kind::Text, "PATH", "the file for the process's number"),
    row("server", "user", "user", Kind::Text, "NAME", "whom to become once the server listens, or UID:GID"),
    row("server", "umask", "umask", Kind::Text, "BITS", "octal digits, such as 0027, for what is made"),
    row("server", "proxy_protocol", "proxy-protocol", Kind::List, "NETWORK", "proxies that send PROXY headers, version 2"),
    row("limits", "max_connections", "max-connections", Kind::Number, "N", "connections at once [65536]"),
    row("limits", "max_connections_per_address", "max-connections-per-address", Kind::Number, "N", "the same, of one address [1024]"),
    row("limits", "exempt", "exempt", Kind::List, "NETWORK", "whose connections are not counted so [127.0.0.0/8, ::1]"),
    row("limits", "max_head_len", "max-head-len", Kind::Number, "N", "bytes of a head [16384]"),
    row("limits", "max_content_len", "max-content-len", Kind::Number, "N", "bytes of content in a request [64 MiB]"),
    row("limits", "max_message_len", "max-message-len", Kind::Number, "N", "bytes of a WebSocket message [64 MiB]"),
    row("limits", "head_timeout", "head-timeout", Kind::Text, "TIME", "from a head's first byte to its last [10s]"),
    row("limits", "idle_timeout", "idle-timeout", Kind::Text, "TIME", "between two exchanges [60s]"),
    row("limits", "rate_window", "rate-window", Kind::Text, "TIME", "the span over which rates are measured [20s]"),
    row("limits", "min_receive_rate", "min-receive-rate", Kind::Number, "N", "bytes a second that content has to come with [256]"),
    row("limits", "min_send_rate", "min-send-rate", Kind::Number, "N", "bytes a second that a client has to take [256]"),
    row("tls", "cert", "tls-cert", Kind::Text, "PATH", "a certificate chain, PEM"),
    row("tls", "key", "tls-key", Kind::Text, "PATH", "its private key, PEM"),
    row("tls", "self_signed", "tls-self-signed", Kind::Switch, "", "make a certificate, to try things"),
    row("tls", "client_ca", "tls-client-ca", Kind::Text, "PATH", "the authorities that clients' certificates are from"),
    row("files", "root", "files-root", Kind::Text, "PATH", "the folder whose files are served"),
    row("files", "listing", "files-listing", Kind::Switch, "", "show what is in a folder without an index"),
    row("files", "symlinks", "files-symlinks", Kind::Switch, "", "follow links out of the folder"),
    row("log", "level", "log-level", Kind::Text, "LEVEL", "error, warn, info, debug or trace"),
    row("log", "access", "log-access", Kind::Text, "PATH", "the access log"),
    row("admin", "listen", "admin-listen", Kind::Text, "ADDRESS:PORT", "where to tell of health and metrics, or unix:PATH"),
];

/// What is wrong with the settings, and where.
#[derive(Debug)]
pub(crate) struct Mistake(pub(crate) String);

/// The settings of a file, where there is one, with `overrides` by flags in their stead.
pub(crate) fn load(
    file: Option<&Path>,
    overrides: &[(&'static Setting, Vec<String>)],
) -> Result<Config, Mistake> {
    let mut table = Table::new();
    if let Some(path) = file {
        let name = path.display();
        let text = std::fs::read_to_string(path)
            .map_err(|error| Mistake(format!("cannot read {name}: {error}")))?;
        let config =
            toml::from_str::<Config>(&text).map_err(|error| locate(&name, &text, &error))?;
        config
            .check()
            .map_err(|mistake| Mistake(format!("{name}: {mistake}")))?;
        table = toml::from_str(&text).map_err(|error| locate(&name, &text, &error))?;
    }
    for (setting, values) in overrides {
        let value = setting.read(values)?;
        let section = table
            .entry(setting.section)
            .or_insert_with(|| Value::Table(Table::new()));
        if let Value::Table(section) = section {
            section.insert(setting.key.into(), value);
        }
        // One flag after the other, so that a mistake is known to be of this one.
        Config::deserialize(table.clone()).map_err(|error| {
            let error = error.message();
            Mistake(format!("--{} {}: {error}", setting.flag, values.join(" ")))
        })?;
    }
    let config = Config::deserialize(table).map_err(|error| Mistake(error.to_string()))?;
    config.check()?;
    Ok(config)
}

/// An error of the file, with its line and column.
fn locate(name: &impl fmt::Display, text: &str, error: &toml::de::Error) -> Mistake {
    let start = error.span().map_or(0, |span| span.start);
    let before = text.get(..start).unwrap_or(text);
    let line = before.matches('\n').count();
    let column = before
        .rsplit('\n')
        .next()
        .unwrap_or_default()
        .chars()
        .count();
    let shown = text.lines().nth(line).unwrap_or_default().trim_end();
    let (line, column, error) = (line + 1, column + 1, error.message());
    Mistake(format!("{name}:{line}:{column}: {error}\n  {shown}"))
}

impl Setting {
    /// Whether its flag comes with a value.
    pub(crate) fn takes_value(&self) -> bool {
        self.kind != Kind::Switch
    }

    fn read(&self, values: &[String]) -> Result<Value, Mistake> {
        let last = values.last().map_or("", String::as_str);
        Ok(match self.kind {
            Kind::Text => Value::String(last.into()),
            Kind::Number => Value::Integer(
                last.parse()
                    .map_err(|_| Mistake(format!("--{} {last}: expected a number", self.flag)))?,
            ),
            Kind::Switch => Value::Boolean(true),
            Kind::List => Value::Array(values.iter().cloned().map(Value::String).collect()),
        })
    }
}

impl Tls {
    fn check(&self) -> Result<(), Mistake> {
        match (&self.cert, &self.key, self.self_signed) {
            (Some(_), Some(_), false) => Ok(()),
            (None, None, _) if self.client_ca.is_none() => Ok(()),
            _ => Err(Mistake(
                "tls: expected cert and key, with a client_ca or without, or self_signed alone"
                    .into(),
            )),
        }
    }

    /// Whether clients speak TLS.
    pub(crate) const fn is_on(&self) -> bool {
        self.cert.is_some() || self.self_signed
    }
}

impl Config {
    /// Finds what is out of range, and what can be written down but is not done yet.
    fn check(&self) -> Result<(), Mistake> {
        if self.server.listen.is_empty() {
            return Err(Mistake("server.listen: expected an address".into()));
        }
        let Self {
            server: _,
            limits: _,
            tls,
            files: _,
            log,
            admin,
        } = self;
        tls.check()?;
        let is_set = [
            ("log.level", log.level.is_some()),
            ("log.access", log.access.is_some()),
            ("admin.listen", admin.listen.is_some()),
        ];
        match is_set.into_iter().find(|(_, is_set)| *is_set) {
            Some((key, _)) => Err(Mistake(format!("{key} is not supported yet"))),
            None => Ok(()),
        }
    }

    /// The server's options.
    pub(crate) fn options(&self) -> Options {
        let Bounds {
            max_connections,
            max_connections_per_address,
            ref exempt,
            max_head_len,
            max_content_len,
            max_message_len,
            head_timeout,
            idle_timeout,
            rate_window,
            min_receive_rate,
            min_send_rate,
        } = self.limits;
        Options {
            threads: self.server.threads,
            server_name: self.server.name.clone(),
            drain_timeout: self.server.drain_timeout.0.0,
            proxy_protocol: self
                .server
                .proxy_protocol
                .iter()
                .map(|network| network.0)
                .collect(),
            max_connections,
            max_connections_per_address,
            exempt: exempt.iter().map(|network| network.0).collect(),
            limits: Limits {
                max_head_len,
                max_content_len,
                max_message_len,
                head_timeout: head_timeout.0.0,
                idle_timeout: idle_timeout.0.0,
                rate_window: rate_window.0.0,
                min_receive_rate,
                min_send_rate,
                ..Limits::SERVER
            },
            ..Options::default()
        }
    }

    /// The addresses to listen on.
    pub(crate) fn addresses(&self) -> Vec<Address> {
        self.server
            .listen
            .iter()
            .map(|address| address.0.0.clone())
            .collect()
    }

    /// The first key whose change needs a new process.
    pub(crate) fn needs_restart(&self, new: &Self) -> Option<&'static str> {
        let (old, new) = (&self.server, &new.server);
        let is_changed = [
            ("server.listen", old.listen != new.listen),
            ("server.threads", old.threads != new.threads),
            ("server.hand_over", old.hand_over != new.hand_over),
            ("server.pid_file", old.pid_file != new.pid_file),
            ("server.user", old.user != new.user),
            ("server.umask", old.umask != new.umask),
        ];
        is_changed
            .into_iter()
            .find(|(_, is_changed)| *is_changed)
            .map(|(key, _)| key)
    }
}

impl Default for Server {
    fn default() -> Self {
        let options = Options::default();
        Self {
            listen: vec![Parsed(Listen(Address::Tcp(
                (Ipv4Addr::LOCALHOST, 8080).into(),
            )))],
            threads: options.threads,
            name: options.server_name,
            drain_timeout: Parsed(Span(options.drain_timeout)),
            hand_over: None,
            pid_file: None,
            user: None,
            umask: None,
            proxy_protocol: Vec::new(),
        }
    }
}

impl Default for Bounds {
    fn default() -> Self {
        let options = Options::default();
        let limits = options.limits;
        Self {
            max_connections: options.max_connections,
            max_connections_per_address: options.max_connections_per_address,
            exempt: options.exempt.into_iter().map(Parsed).collect(),
            max_head_len: limits.max_head_len,
            max_content_len: limits.max_content_len,
            max_message_len: limits.max_message_len,
            head_timeout: Parsed(Span(limits.head_timeout)),
            idle_timeout: Parsed(Span(limits.idle_timeout)),
            rate_window: Parsed(Span(limits.rate_window)),
            min_receive_rate: limits.min_receive_rate,
            min_send_rate: limits.min_send_rate,
        }
    }
}

/// A value that is written as text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Parsed<T>(pub(crate) T);

impl<'de, T: FromStr<Err: fmt::Display>> Deserialize<'de> for Parsed<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map(Self).map_err(D::Error::custom)
    }
}

/// Where to listen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Listen(pub(crate) Address);

impl FromStr for Listen {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let address = text.parse().map(Self);
        address.map_err(|_| "expected ADDRESS:PORT, such as 127.0.0.1:8080, or unix:PATH")
    }
}

/// As many threads as a server can have.
fn threads<'de, D: Deserializer<'de>>(deserializer: D) -> Result<NonZeroUsize, D::Error> {
    let number = usize::deserialize(deserializer).ok();
    let threads = number
        .filter(|number| *number <= 256)
        .and_then(NonZeroUsize::new);
    threads.ok_or_else(|| D::Error::custom("expected a number from 1 to 256"))
}

/// A time: `300ms`, `10s`, `5m` or `1h`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span(pub(crate) Duration);

impl FromStr for Span {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const EXPECTED: &str = "expected a time, such as 300ms, 10s, 5m or 1h";
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let (number, unit) = text.split_at(digits);
        let number: u64 = number.parse().map_err(|_| EXPECTED)?;
        let millis = match unit {
            "ms" => 1,
            "s" => 1000,
            "m" => 60 * 1000,
            "h" => 60 * 60 * 1000,
            _ => return Err(EXPECTED),
        };
        let millis = number.checked_mul(millis).ok_or(EXPECTED)?;
        Ok(Self(Duration::from_millis(millis)))
    }
}

/// What is taken away of the permissions of files that are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Umask(pub(crate) u32);

impl FromStr for Umask {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bits = u32::from_str_radix(text, 8)
            .ok()
            .filter(|bits| *bits <= 0o777);
        bits.map(Self).ok_or("expected octal digits, such as 0027")
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
