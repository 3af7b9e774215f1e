//! The settings of `examples/http_server`: what is wrong is told with its place.
#![allow(dead_code, reason = "the example uses the rest")]

#[path = "../examples/http_server/config.rs"]
mod config;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use config::{Config, SETTINGS, Setting, load};

/// A file with this text, which is gone with it.
struct File(PathBuf);

impl File {
    fn new(text: &str) -> Self {
        use std::sync::atomic::{AtomicUsize, Ordering};
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("kinglet-config-{}-{number}.toml", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::write(&path, text).unwrap();
        Self(path)
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

fn flag(name: &str, values: &[&str]) -> (&'static Setting, Vec<String>) {
    let setting = SETTINGS.iter().find(|setting| setting.flag == name);
    let values = values.iter().map(|&value| value.into()).collect();
    (setting.expect("a flag"), values)
}

#[test]
fn a_file_says_how_to_serve_and_flags_take_its_place() {
    let file = File::new(
        "[server]\nlisten = ['127.0.0.1:0', 'unix:/run/a']\nthreads = 4\ndrain_timeout = '1m'\n\
         umask = '0027'\n[limits]\nmax_connections_per_address = 7\nexempt = ['192.0.2.0/24']\n\
         idle_timeout = '300ms'\n",
    );
    let config = load(Some(&file.0), &[]).unwrap();
    let options = config.options();
    assert_eq!(options.threads.get(), 4);
    assert_eq!(options.drain_timeout, Duration::from_secs(60));
    assert_eq!(options.max_connections_per_address, 7);
    assert_eq!(options.exempt[0].to_string(), "192.0.2.0/24");
    assert_eq!(options.limits.idle_timeout, Duration::from_millis(300));
    assert_eq!(config.addresses()[1].to_string(), "unix:/run/a");

    let overrides = [
        flag("listen", &["127.0.0.1:1", "127.0.0.1:2"]),
        flag("threads", &["2", "3"]),
        flag("server-name", &[""]),
    ];
    let new = load(Some(&file.0), &overrides).unwrap();
    assert_eq!(new.addresses()[1].to_string(), "127.0.0.1:2");
    assert_eq!(
        (new.options().threads.get(), new.options().server_name),
        (3, String::new())
    );
    assert_eq!(config.needs_restart(&new), Some("server.listen"));
    assert_eq!(config.needs_restart(&config), None);
}

#[test]
fn without_a_file_all_is_as_the_library_has_it() {
    let (options, defaults) = (
        load(None, &[]).unwrap().options(),
        kinglet_hosted::Options::default(),
    );
    assert_eq!(format!("{options:?}"), format!("{defaults:?}"));
}

#[test]
fn a_mistake_in_the_file_is_told_with_line_and_column() {
    for (text, place, says) in [
        (
            "[server]\nthread = 4\n",
            ":2:1: ",
            "unknown field `thread`, expected one of `listen`",
        ),
        ("[sever]\n", ":1:2: ", "unknown field `sever`"),
        (
            "[server]\n\nthreads = 'four'\n",
            ":3:11: ",
            "threads = 'four'",
        ),
        ("[server]\nthreads = 0\n", ":2:11: ", "threads = 0"),
        (
            "[server]\nlisten = ['127.0.0.1']\n",
            ":2:10: ",
            "expected ADDRESS:PORT",
        ),
        (
            "[limits]\nidle_timeout = '3'\n",
            ":2:16: ",
            "expected a time",
        ),
        (
            "[limits]\nexempt = ['10.0.0.0/40']\n",
            ":2:10: ",
            "a network must be",
        ),
        (
            "[limits]\nmax_head_len = 70000\n",
            ":2:16: ",
            "max_head_len = 70000",
        ),
        (
            "[server]\numask = '888'\n",
            ":2:9: ",
            "expected octal digits",
        ),
        ("[server\n", ":1:8: ", "[server"),
    ] {
        let file = File::new(text);
        let mistake = load(Some(&file.0), &[]).unwrap_err().to_string();
        let name = file.0.display().to_string();
        let rest = mistake.strip_prefix(&name);
        assert!(
            rest.is_some_and(|rest| rest.starts_with(place)),
            "{text}: {mistake}"
        );
        assert!(mistake.contains(says), "{text}: {mistake}");
    }
    for (text, says) in [
        (
            "[server]\nthreads = 257\n",
            "expected a number from 1 to 256\n  threads = 257",
        ),
        (
            "[server]\nlisten = []\n",
            "server.listen: expected an address",
        ),
    ] {
        let mistake = load(Some(&File::new(text).0), &[]).unwrap_err().to_string();
        assert!(mistake.ends_with(says), "{mistake}");
    }
    let mistake = load(Some("/nowhere/at all".as_ref()), &[]).unwrap_err();
    assert!(
        mistake
            .to_string()
            .starts_with("cannot read /nowhere/at all: ")
    );
}

#[test]
fn a_mistake_in_a_flag_is_told_with_the_flag() {
    for (name, value, says) in [
        ("threads", "four", "--threads four: expected a number"),
        ("threads", "0", "--threads 0: "),
        (
            "listen",
            "localhost",
            "--listen localhost: expected ADDRESS:PORT",
        ),
        ("idle-timeout", "3", "--idle-timeout 3: expected a time"),
        ("exempt", "::/200", "--exempt ::/200: a network must be"),
    ] {
        let mistake = load(None, &[flag(name, &[value])]).unwrap_err().to_string();
        assert!(mistake.starts_with(says), "{mistake}");
    }
}

#[test]
fn each_key_has_a_flag_and_each_flag_a_key() {
    let mut keys = BTreeSet::new();
    for section in ["server", "limits", "tls", "files", "log", "admin"] {
        let error = toml::from_str::<Config>(&format!("[{section}]\nx = 1\n")).unwrap_err();
        let (_, names) = error.message().split_once("expected ").expect("its keys");
        let names = names.split('`').skip(1).step_by(2);
        keys.extend(names.map(|name| (section, name.to_owned())));
    }
    let rows: BTreeSet<_> = SETTINGS
        .iter()
        .map(|row| (row.section, row.key.to_owned()))
        .collect();
    assert_eq!(keys, rows);
    let flags: BTreeSet<_> = SETTINGS.iter().map(|row| row.flag).collect();
    assert_eq!(flags.len(), SETTINGS.len());
}
