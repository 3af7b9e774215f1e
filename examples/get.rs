//! Type `cargo run --example get -- http://127.0.0.1:8080/`.
//!
//! Prints what is at a URL, or saves it: `-o FILE`, and `--continue` goes on with a file that is there in
//! part. `--head` asks for the head only, `-H 'NAME: VALUE'` adds a field line, `--data TEXT` posts,
//! `--max-redirects N` follows so many (0: none), `--compressed` asks for gzip, `--insecure` trusts any
//! certificate, `--timeout SECONDS` bounds all of it, and `--verbose` prints heads and times.

use std::error::Error;
use std::fs::{File, OpenOptions};
use std::io::{self, IsTerminal, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use kinglet_core::http::{Field, Method};
use kinglet_hosted::http_client::{
    Content, Decompression, HttpClientOptions, Redirects, Request, Response, Trace, Tracer,
};
use kinglet_hosted::{HttpClient, Trust};

/// Content that is inflated may have this many bytes.
const MAX_INFLATED_LEN: u64 = 1 << 30;

/// What the command line asks for.
#[derive(Default)]
struct Asked {
    url: String,
    fields: Vec<(String, String)>,
    data: Option<String>,
    output: Option<PathBuf>,
    resumes: bool,
    is_head: bool,
}

fn main() -> Result<(), Box<dyn Error>> {
    let (asked, options) = read_arguments()?;
    let client = HttpClient::new(options);
    let part = match &asked.output {
        Some(path) if asked.resumes => Part::of(path),
        _ => None,
    };
    let mut fields = Vec::new();
    for (name, value) in &asked.fields {
        fields.push(Field::new(name, value.as_bytes())?);
    }
    // RFC 9110 §13.1.5: the rest, if the file has not changed since; or else all of it.
    let range = part.as_ref().map(|part| format!("bytes={}-", part.len));
    if let (Some(range), Some(part)) = (&range, &part) {
        fields.push(Field::new("Range", range.as_bytes())?);
        fields.push(Field::new("If-Range", part.validator.as_bytes())?);
    }
    let mut response = client.send(Request {
        method: match (asked.is_head, &asked.data) {
            (true, _) => Method::Head,
            (false, Some(_)) => Method::Post,
            (false, None) => Method::Get,
        },
        fields: &fields,
        content: match &asked.data {
            Some(data) => Content::Bytes(data.as_bytes()),
            None => Content::None,
        },
        ..Request::get(&asked.url)
    })?;
    if asked.is_head {
        print!("{}\n{}", response.status(), lines(response.fields()));
    }
    let code = response.status().code();
    match &asked.output {
        Some(path) if code == 416 && part.is_some() => {
            eprintln!("{}: nothing is missing", path.display());
            return Ok(());
        }
        // What is no success is no part of the file.
        Some(path) if (200..300).contains(&code) => save(path, part.as_ref(), &mut response)?,
        _ => copy(&mut response, &mut io::stdout().lock(), 0)?,
    }
    match code {
        0..400 => Ok(()),
        _ => Err(format!("{}: {}", response.url(), response.status()).into()),
    }
}

/// A file that is there in part, and which state of it that was.
struct Part {
    len: u64,
    validator: String,
}

impl Part {
    fn of(path: &Path) -> Option<Self> {
        let len = path.metadata().ok()?.len();
        let validator = std::fs::read_to_string(validator_path(path)).ok()?;
        (len > 0 && !validator.is_empty()).then_some(Self { len, validator })
    }
}

/// Where the validator of a file is kept until that is whole.
fn validator_path(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".validator");
    name.into()
}

/// Saves content, behind what is there where the answer is that part.
fn save(path: &Path, part: Option<&Part>, response: &mut Response<'_>) -> io::Result<()> {
    let begin = part.map(|part| format!("bytes {}-", part.len));
    let range = response.field("Content-Range").unwrap_or_default();
    let goes_on = response.status().code() == 206
        && begin.is_some_and(|begin| range.starts_with(begin.as_bytes()));
    let from = part.filter(|_| goes_on).map_or(0, |part| part.len);
    if response.status().code() == 206 && !goes_on {
        return Err(io::Error::other(
            "the server answers another part than was asked for",
        ));
    }
    // Only a strong validator says that bytes are the same (RFC 9110 §8.8.1).
    let validator = response.field("ETag").filter(|tag| !tag.starts_with(b"W/"));
    match validator {
        Some(validator) => std::fs::write(validator_path(path), validator)?,
        None => drop(std::fs::remove_file(validator_path(path))),
    }
    let mut file: File = OpenOptions::new()
        .create(true)
        .write(true)
        .truncate(!goes_on)
        .open(path)?;
    file.seek(SeekFrom::Start(from))?;
    copy(response, &mut file, from)?;
    let _ = std::fs::remove_file(validator_path(path));
    Ok(())
}

/// Copies content, and shows how far that has come where there is somebody to see it.
fn copy(response: &mut Response<'_>, to: &mut impl Write, from: u64) -> io::Result<()> {
    let bar = match response.len() {
        _ if !io::stderr().is_terminal() => ProgressBar::hidden(),
        Some(len) => ProgressBar::new(from + len).with_style(
            ProgressStyle::with_template("{bar:30} {bytes}/{total_bytes} {bytes_per_sec} {eta}")
                .map_err(io::Error::other)?,
        ),
        None => ProgressBar::new_spinner(),
    };
    bar.set_position(from);
    let mut bytes = vec![0; 64 * 1024];
    loop {
        let len = response.read(&mut bytes)?;
        if len == 0 {
            break;
        }
        to.write_all(&bytes[..len])?;
        bar.inc(len as u64);
    }
    bar.finish_and_clear();
    to.flush()
}

fn read_arguments() -> Result<(Asked, HttpClientOptions), Box<dyn Error>> {
    use lexopt::prelude::*;

    let (mut asked, mut options) = (Asked::default(), HttpClientOptions::default());
    let mut arguments = lexopt::Parser::from_env();
    while let Some(argument) = arguments.next()? {
        match argument {
            Short('o') | Long("output") => asked.output = Some(arguments.value()?.into()),
            Short('H') | Long("header") => {
                let line = arguments.value()?.string()?;
                let (name, value) = line.split_once(':').ok_or("expected NAME: VALUE")?;
                asked.fields.push((name.into(), value.trim().into()));
            }
            Long("data") => asked.data = Some(arguments.value()?.string()?),
            Long("continue") => asked.resumes = true,
            Long("head") => asked.is_head = true,
            Long("max-redirects") => {
                options.redirects = match arguments.value()?.parse()? {
                    0 => Redirects::HandedOver,
                    max => Redirects::Followed(max),
                }
            }
            Long("compressed") => options.decompression = Decompression::Gzip(MAX_INFLATED_LEN),
            Long("insecure") => options.trust = Trust::Anybody,
            Long("timeout") => {
                let seconds = arguments.value()?.parse()?;
                options.timeouts.overall = Some(Duration::from_secs(seconds));
            }
            Short('v') | Long("verbose") => options.tracer = Some(Tracer::new(print)),
            Value(value) if asked.url.is_empty() => asked.url = value.string()?,
            _ => return Err(argument.unexpected().into()),
        }
    }
    match (
        asked.url.is_empty(),
        asked.resumes && asked.output.is_none(),
    ) {
        (true, _) => Err("expected a URL".into()),
        (_, true) => Err("--continue goes on with a file: -o FILE".into()),
        (false, false) => Ok((asked, options)),
    }
}

/// Prints what happens, for `--verbose`.
fn print(trace: &Trace<'_>) {
    match trace {
        Trace::Resolved(addresses, took) => eprintln!("* resolved in {took:.1?}: {addresses:?}"),
        Trace::Connected(address, took) => eprintln!("* connected to {address} in {took:.1?}"),
        Trace::Secured(took) => eprintln!("* TLS in {took:.1?}"),
        Trace::Reused => eprintln!("* a connection is used again"),
        Trace::Asked(head) => {
            for line in String::from_utf8_lossy(head).lines() {
                eprintln!("> {line}");
            }
        }
        Trace::Answered(response, took) => {
            eprintln!("< {} (after {took:.1?})", response.status());
            for line in lines(response.fields()).lines() {
                eprintln!("< {line}");
            }
        }
        Trace::Redirected(url) => eprintln!("* on to {url}"),
        _ => {}
    }
}

fn lines(fields: kinglet_core::http::Fields<'_>) -> String {
    fields
        .map(|line| {
            format!(
                "{}: {}\n",
                line.name(),
                String::from_utf8_lossy(line.value())
            )
        })
        .collect()
}
