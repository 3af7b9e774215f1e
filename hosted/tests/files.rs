//! Static files over real sockets: what is asked, what is answered, and what is never given away.

mod support;

use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use core::time::Duration;
use std::fs::{self, File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::net::TcpStream;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::thread::JoinHandle;
use std::time::SystemTime;

use kinglet_core::Application;
use kinglet_core::http::{Handled, Reply, Request, Stream};
use kinglet_hosted::files::{
    DotFiles, FileExchange, FileServer, Files, FilesOptions, Listing, Precompressed, SendFile,
    Symlinks,
};
use kinglet_hosted::{Address, Handle, Options, Server};
use rustix::fs::{CWD, FileType, Mode, mkfifoat};
use support::{PATIENCE, connect, impatient, read_response, read_to_end};

/// An application that is nothing but files, below `/files` or below nothing.
struct Site {
    files: FileServer,
}

impl Application for Site {
    type Exchange = FileExchange;

    fn request(
        &mut self,
        file: &mut FileExchange,
        request: &Request<'_>,
        reply: Reply<'_>,
    ) -> Handled {
        let path = request.path();
        let path = path.strip_prefix("/files").unwrap_or(path);
        self.files.answer(file, request, path, reply)
    }

    fn stream(&mut self, file: &mut FileExchange, stream: Stream<'_>) -> Handled {
        self.files.stream(file, stream)
    }
}

/// A folder of its own, with a server for it; both end with it.
struct Served {
    base: PathBuf,
    address: Address,
    handle: Handle,
    thread: Option<JoinHandle<std::io::Result<()>>>,
}

/// Looks at the file system for each request, so that no test has to wait.
fn at_once() -> FilesOptions {
    FilesOptions {
        fresh_for: Duration::ZERO,
        ..FilesOptions::default()
    }
}

impl Served {
    fn new(options: FilesOptions) -> Self {
        Self::listening(options, |_| "127.0.0.1:0".into())
    }

    /// The same at an address of its own, which may be one in the folder's parent.
    fn listening(options: FilesOptions, address: impl Fn(&Path) -> String) -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("kinglet-files-{}-{number}", std::process::id());
        let base = std::env::temp_dir().join(name);
        let _ = fs::remove_dir_all(&base);
        fs::create_dir_all(base.join("www")).unwrap();
        let files = Files::open(base.join("www"), options).unwrap();
        let limits = kinglet_core::Limits {
            drain_timeout: Duration::from_millis(300),
            ..impatient()
        };
        let options = Options {
            limits: kinglet_core::Limits {
                idle_timeout: PATIENCE,
                head_timeout: PATIENCE,
                rate_window: PATIENCE,
                ..limits
            },
            ..Options::default()
        };
        let address = address(&base).parse().unwrap();
        let server = Server::bind(&address, options).unwrap();
        let (address, handle) = (server.local_address().clone(), server.handle());
        let thread = std::thread::spawn(move || {
            server.run(|_| Site {
                files: files.for_thread(),
            })
        });
        Self {
            base,
            address,
            handle,
            thread: Some(thread),
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.base.join("www").join(name)
    }

    /// Writes a file that is old enough to have a strong tag.
    fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        set_modified(&path, 784_111_777);
    }

    fn connect(&self) -> TcpStream {
        let Address::Tcp(address) = self.address else {
            panic!("not a TCP server")
        };
        connect(address)
    }

    /// The answer to a request of these lines.
    fn ask(&self, method: &str, path: &str, lines: &[&str]) -> Answer {
        let mut client = self.connect();
        let lines: String = lines.iter().map(|line| format!("{line}\r\n")).collect();
        let request =
            format!("{method} {path} HTTP/1.1\r\nHost: t\r\nConnection: close\r\n{lines}\r\n");
        client.write_all(request.as_bytes()).unwrap();
        Answer::of(&read_to_end(&mut client))
    }

    fn get(&self, path: &str, lines: &[&str]) -> Answer {
        self.ask("GET", path, lines)
    }

    fn status(&self, path: &str) -> u16 {
        self.get(path, &[]).status
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.handle.drain();
        if let Some(thread) = self.thread.take() {
            let ended = thread.join();
            if !std::thread::panicking() {
                ended.expect("no panic").expect("no error");
            }
        }
        let _ = fs::remove_dir_all(&self.base);
    }
}

struct Answer {
    status: u16,
    head: String,
    content: Vec<u8>,
}

impl Answer {
    fn of(bytes: &[u8]) -> Self {
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n");
        let end = end.expect("a head");
        let head = String::from_utf8(bytes[..end + 2].to_vec()).unwrap();
        Self {
            status: head[9..12].parse().unwrap(),
            head,
            content: bytes[end + 4..].to_vec(),
        }
    }

    fn field(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines();
        lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }

    fn text(&self) -> &str {
        core::str::from_utf8(&self.content).unwrap()
    }
}

fn set_modified(path: &Path, seconds: u64) {
    let file = OpenOptions::new().write(true).open(path).unwrap();
    let time = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
    file.set_modified(time).unwrap();
}

const DATE: &str = "Sun, 06 Nov 1994 08:49:37 GMT";

fn pattern(len: usize) -> Vec<u8> {
    (0..len).map(|at| (at % 251) as u8).collect()
}

#[test]
fn a_file_is_answered_with_its_type_and_validators() {
    let served = Served::new(FilesOptions {
        cache_control: "max-age=60".into(),
        ..at_once()
    });
    served.write("a/page.html", "<p>hello");
    served.write("empty.txt", "");
    for path in ["/a/page.html", "/files/a/page.html", "/a/p%61ge.html?query"] {
        let answer = served.get(path, &[]);
        assert_eq!((answer.status, answer.text()), (200, "<p>hello"), "{path}");
        for (name, value) in [
            ("Content-Type", "text/html; charset=utf-8"),
            ("Content-Length", "8"),
            ("Last-Modified", DATE),
            ("Accept-Ranges", "bytes"),
            ("Cache-Control", "max-age=60"),
            ("X-Content-Type-Options", "nosniff"),
        ] {
            assert_eq!(answer.field(name), Some(value), "{}", answer.head);
        }
        let tag = answer.field("ETag").unwrap();
        assert!(tag.starts_with('"') && tag.len() == 18, "{tag}");
        assert_eq!(answer.field("Vary"), None);
    }
    let answer = served.get("/empty.txt", &[]);
    assert_eq!((answer.status, answer.text()), (200, ""));
    assert_eq!(answer.field("Content-Length"), Some("0"));
}

#[test]
fn head_tells_what_get_would() {
    let served = Served::new(at_once());
    served.write("small", pattern(1000));
    served.write("large", pattern(1_000_000));
    for path in ["/small", "/large"] {
        let (get, head) = (served.get(path, &[]), served.ask("HEAD", path, &[]));
        assert_eq!(head.content, b"");
        let without_date = |head: &str| -> String {
            let lines = head.lines().filter(|line| !line.starts_with("Date"));
            lines.collect()
        };
        assert_eq!(without_date(&get.head), without_date(&head.head));
        // Range is of GET only.
        let head = served.ask("HEAD", path, &["Range: bytes=0-0"]);
        assert_eq!(head.status, 200);
    }
}

#[test]
fn other_methods_are_told_which_there_are() {
    let served = Served::new(at_once());
    served.write("a", "a");
    for (method, status) in [
        ("POST", 405),
        ("PUT", 405),
        ("DELETE", 405),
        ("BREW", 405),
        ("OPTIONS", 204),
    ] {
        let answer = served.ask(method, "/a", &["Content-Length: 0"]);
        assert_eq!(answer.status, status, "{method}");
        assert_eq!(answer.field("Allow"), Some("GET, HEAD, OPTIONS"));
    }
}

#[test]
fn files_of_any_length_arrive_whole_and_the_connection_stays() {
    let served = Served::new(at_once());
    let lens = [
        0, 1, 1023, 1024, 1025, 16_384, 16_385, 65_535, 65_536, 65_537, 131_072, 3_000_001,
    ];
    for len in lens {
        served.write(&len.to_string(), pattern(len));
    }
    let mut client = served.connect();
    for _ in 0..2 {
        for len in lens {
            write!(client, "GET /{len} HTTP/1.1\r\nHost: t\r\n\r\n").unwrap();
            let (head, content) = read_response(&mut client);
            assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
            assert!(content == pattern(len), "{len}");
        }
    }
    // Pipelined, too.
    let batch: String = lens
        .iter()
        .map(|len| format!("GET /{len} HTTP/1.1\r\nHost: t\r\n\r\n"))
        .collect();
    client.write_all(batch.as_bytes()).unwrap();
    for len in lens {
        assert!(read_response(&mut client).1 == pattern(len), "{len}");
    }
}

#[test]
fn content_of_a_request_is_not_in_the_way() {
    let served = Served::new(at_once());
    served.write("large", pattern(1_000_000));
    let mut client = served.connect();
    for _ in 0..3 {
        let content = "x".repeat(100_000);
        write!(
            client,
            "GET /large HTTP/1.1\r\nHost: t\r\nContent-Length: 100000\r\n\r\n{content}"
        )
        .unwrap();
        assert_eq!(read_response(&mut client).1.len(), 1_000_000);
    }
}

#[test]
fn preconditions_are_evaluated_in_order() {
    let served = Served::new(FilesOptions {
        cache_control: "no-cache".into(),
        ..at_once()
    });
    served.write("a.txt", "content");
    served.write("a.txt.gz", "gz");
    let tag = served.get("/a.txt", &[]).field("ETag").unwrap().to_owned();
    let weak = format!("W/{tag}");
    let later = "Mon, 07 Nov 1994 08:49:37 GMT";
    let before = "Sat, 05 Nov 1994 08:49:37 GMT";
    for (lines, status) in [
        (vec![format!("If-None-Match: {tag}")], 304),
        (vec![format!("If-None-Match: {weak}")], 304),
        (vec![format!("If-None-Match: \"x\", {tag}")], 304),
        (
            vec![
                "If-None-Match: \"x\"".into(),
                format!("If-None-Match: {tag}"),
            ],
            304,
        ),
        (vec!["If-None-Match: *".into()], 304),
        (vec!["If-None-Match: \"x\"".into()], 200),
        (vec![format!("If-Modified-Since: {DATE}")], 304),
        (vec![format!("If-Modified-Since: {later}")], 304),
        (vec![format!("If-Modified-Since: {before}")], 200),
        (vec!["If-Modified-Since: yesterday".into()], 200),
        (
            vec![
                format!("If-Modified-Since: {DATE}"),
                "If-None-Match: \"x\"".into(),
            ],
            200,
        ),
        (vec![format!("If-Match: {tag}")], 200),
        (vec![format!("If-Match: {weak}")], 412),
        (vec!["If-Match: \"x\"".into()], 412),
        (vec!["If-Match: *".into()], 200),
        (vec![format!("If-Unmodified-Since: {DATE}")], 200),
        (vec![format!("If-Unmodified-Since: {before}")], 412),
        (
            vec!["If-Match: \"x\"".into(), format!("If-None-Match: {tag}")],
            412,
        ),
        // A condition comes before a range.
        (
            vec![format!("If-None-Match: {tag}"), "Range: bytes=0-0".into()],
            304,
        ),
    ] {
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        let answer = served.get("/a.txt", &lines);
        assert_eq!(answer.status, status, "{lines:?}");
        if status == 304 {
            assert_eq!(answer.content, b"");
            assert_eq!(answer.field("ETag"), Some(&*tag));
            assert_eq!(answer.field("Last-Modified"), Some(DATE));
            assert_eq!(answer.field("Vary"), Some("Accept-Encoding"));
            assert_eq!(answer.field("Cache-Control"), Some("no-cache"));
            assert_eq!(answer.field("Content-Type"), None);
        }
    }
    // What is not there has nothing to compare with.
    assert_eq!(served.get("/none", &["If-Match: *"]).status, 404);
}

#[test]
fn a_change_changes_the_tag_and_a_young_one_is_weak() {
    let served = Served::new(at_once());
    served.write("a", "one");
    let first = served.get("/a", &[]).field("ETag").unwrap().to_owned();
    fs::write(served.path("a"), "two").unwrap();
    let answer = served.get("/a", &[]);
    let second = answer.field("ETag").unwrap().to_owned();
    assert_eq!(answer.text(), "two");
    assert!(second.starts_with("W/\"") && !second.contains(&first));
    // Young, and so neither held to be the same nor good for a range.
    fs::write(served.path("a"), "six").unwrap();
    assert_eq!(served.get("/a", &[]).text(), "six");
    let tag = served.get("/a", &[]).field("ETag").unwrap().to_owned();
    let if_range = format!("If-Range: {tag}");
    let answer = served.get("/a", &["Range: bytes=0-0", &if_range]);
    assert_eq!((answer.status, answer.text()), (200, "six"));
    let if_none_match = format!("If-None-Match: {tag}");
    assert_eq!(served.get("/a", &[&if_none_match]).status, 304);
    // One that is replaced has another tag, though it looks the same.
    served.write("a", "one");
    served.write("b", "one");
    let before = served.get("/a", &[]).field("ETag").unwrap().to_owned();
    fs::rename(served.path("b"), served.path("a")).unwrap();
    let after = served.get("/a", &[]).field("ETag").unwrap().to_owned();
    assert!(before != after && !after.starts_with("W/"));
}

#[test]
fn a_date_of_the_future_is_not_sent() {
    let served = Served::new(at_once());
    served.write("a", "a");
    set_modified(&served.path("a"), 4_000_000_000);
    let answer = served.get("/a", &[]);
    assert_eq!(answer.field("Last-Modified"), None);
    assert!(answer.field("ETag").unwrap().starts_with("W/"));
}

#[test]
fn a_range_is_a_part() {
    let served = Served::new(at_once());
    for (name, len) in [("small", 1000_usize), ("large", 300_000)] {
        let content = pattern(len);
        served.write(name, &content);
        let path = format!("/{name}");
        let tag = served.get(&path, &[]).field("ETag").unwrap().to_owned();
        for (range, expected) in [
            ("bytes=0-0", Some((0, 1))),
            ("bytes=0-99", Some((0, 100))),
            ("bytes=100-", Some((100, len - 100))),
            ("bytes=-100", Some((len - 100, 100))),
            ("bytes=0-99999999999999999999999", Some((0, len))),
            ("bytes=5-9, 0-7, 8-20", Some((0, 21))),
            ("bytes=1-0", None),
            ("bytes=a", None),
            ("lines=0-1", None),
        ] {
            let answer = served.get(&path, &[&format!("Range: {range}")]);
            match expected {
                Some((start, part)) => {
                    assert_eq!(answer.status, 206, "{range}");
                    assert!(answer.content == content[start..start + part], "{range}");
                    let value = format!("bytes {start}-{}/{len}", start + part - 1);
                    assert_eq!(answer.field("Content-Range"), Some(&*value));
                    assert_eq!(answer.field("ETag"), Some(&*tag));
                }
                None => {
                    assert_eq!(answer.status, 200, "{range}");
                    assert!(answer.content == content);
                }
            }
        }
        let answer = served.get(&path, &[&format!("Range: bytes={len}-")]);
        assert_eq!(answer.status, 416);
        let value = format!("bytes */{len}");
        assert_eq!(answer.field("Content-Range"), Some(&*value));
        // If-Range.
        let weak = format!("W/{tag}");
        for (if_range, status) in [
            (&*tag, 206),
            (DATE, 206),
            (&*weak, 200),
            ("\"x\"", 200),
            ("Sat, 05 Nov 1994 08:49:37 GMT", 200),
        ] {
            let if_range = format!("If-Range: {if_range}");
            let answer = served.get(&path, &["Range: bytes=1-2", &if_range]);
            assert_eq!(answer.status, status, "{if_range}");
        }
    }
}

#[test]
fn several_ranges_are_parts_of_one_answer() {
    let served = Served::new(at_once());
    for (name, len) in [("small.txt", 2000_usize), ("large.txt", 400_000)] {
        let content = pattern(len);
        served.write(name, &content);
        let answer = served.get(&format!("/{name}"), &["Range: bytes=1000-1099,0-9, -200"]);
        assert_eq!(answer.status, 206);
        let boundary = answer.field("Content-Type").unwrap();
        let boundary = boundary
            .strip_prefix("multipart/byteranges; boundary=")
            .unwrap();
        let mut expected = Vec::new();
        for (start, end) in [(1000, 1100), (0, 10), (len - 200, len)] {
            let head = format!(
                "--{boundary}\r\nContent-Type: text/plain; charset=utf-8\r\n\
                 Content-Range: bytes {start}-{}/{len}\r\n\r\n",
                end - 1
            );
            expected.extend(head.as_bytes());
            expected.extend(&content[start..end]);
            expected.extend(b"\r\n");
        }
        expected.extend(format!("--{boundary}--\r\n").as_bytes());
        assert!(answer.content == expected, "{name}");
        let len = expected.len().to_string();
        assert_eq!(answer.field("Content-Length"), Some(&*len));
        assert_eq!(answer.field("Content-Range"), None);
    }
}

#[test]
fn parts_longer_than_any_buffer_arrive_whole() {
    let served = Served::new(at_once());
    let content = pattern(3_000_000);
    served.write("large", &content);
    let mut client = served.connect();
    write!(
        client,
        "GET /large HTTP/1.1\r\nHost: t\r\nRange: bytes=0-999999, 1500000-2999999\r\n\r\n"
    )
    .unwrap();
    let (head, all) = read_response(&mut client);
    assert!(head.starts_with("HTTP/1.1 206 "), "{head}");
    let has = |part: &[u8]| all.windows(part.len()).any(|window| window == part);
    assert!(all.len() > 2_500_000 && all.len() < 2_501_000);
    assert!(has(&content[999_000..1_000_000]) && has(&content[2_999_000..]));
    write!(
        client,
        "GET /large HTTP/1.1\r\nHost: t\r\nRange: bytes=7-8\r\n\r\n"
    )
    .unwrap();
    assert_eq!(read_response(&mut client).1, [7, 8]);
}

#[test]
fn a_range_bomb_is_worth_no_more_than_the_file() {
    let served = Served::new(at_once());
    served.write("small", pattern(10_000));
    served.write("large", pattern(500_000));
    let many: Vec<String> = (0..1000)
        .map(|at| format!("{}-{}", at * 5, at * 5))
        .collect();
    let overlapping = vec!["0-"; 1000].join(",");
    let few_overlapping = ["0-"; 16].join(",");
    let sparse: Vec<String> = (0..16)
        .map(|at| format!("{}-{}", at * 500, at * 500))
        .collect();
    for (path, len) in [("/small", 10_000), ("/large", 500_000)] {
        for (ranges, status) in [
            (many.join(","), 200),
            (overlapping.clone(), 200),
            (few_overlapping.clone(), 206),
            (sparse.join(","), 206),
        ] {
            let answer = served.get(path, &[&format!("Range: bytes={ranges}")]);
            assert_eq!(answer.status, status);
            assert!(
                answer.content.len() < len + 16 * 200,
                "{}",
                answer.content.len()
            );
        }
    }
    let off = Served::new(FilesOptions {
        max_ranges: 0,
        ..at_once()
    });
    off.write("a", "abc");
    let answer = off.get("/a", &["Range: bytes=0-0"]);
    assert_eq!((answer.status, answer.text()), (200, "abc"));
    assert_eq!(answer.field("Accept-Ranges"), None);
}

#[test]
fn the_variant_that_the_client_likes_best_is_sent() {
    let served = Served::new(at_once());
    let plain = "p".repeat(20_000);
    served.write("a.js", &plain);
    served.write("a.js.gz", "g".repeat(300));
    served.write("a.js.br", "b".repeat(200));
    served.write("a.js.zst", "z".repeat(18_000));
    for (accept, coding, first) in [
        (None, None, 'p'),
        (Some(""), None, 'p'),
        (Some("gzip"), Some("gzip"), 'g'),
        (Some("x-gzip"), Some("gzip"), 'g'),
        (Some("gzip, deflate, br, zstd"), Some("br"), 'b'),
        (Some("gzip, zstd"), Some("gzip"), 'g'),
        (Some("zstd"), Some("zstd"), 'z'),
        (Some("br;q=0.5, gzip"), Some("gzip"), 'g'),
        (Some("*"), Some("br"), 'b'),
        (Some("br;q=0, *"), Some("gzip"), 'g'),
        (Some("identity, gzip;q=0.5"), None, 'p'),
        (Some("deflate"), None, 'p'),
        (Some("identity;q=0, compress"), None, 'p'),
    ] {
        let line = accept.map(|accept| format!("Accept-Encoding: {accept}"));
        let lines: Vec<&str> = line.as_deref().into_iter().collect();
        let answer = served.get("/a.js", &lines);
        assert_eq!(answer.status, 200);
        assert_eq!(answer.field("Content-Encoding"), coding, "{accept:?}");
        assert_eq!(answer.text().chars().next(), Some(first), "{accept:?}");
        assert_eq!(answer.field("Vary"), Some("Accept-Encoding"));
        let media_type = "text/javascript; charset=utf-8";
        assert_eq!(answer.field("Content-Type"), Some(media_type));
        // Each has a tag of its own, and its own ranges.
        let tag = answer.field("ETag").unwrap();
        let condition = format!("If-None-Match: {tag}");
        assert_eq!(
            served
                .get("/a.js", &[&lines[..], &[&*condition]].concat())
                .status,
            304
        );
        let other = served.get(
            "/a.js",
            &[&*condition, "Accept-Encoding: gzip;q=0.1, br;q=0.2"],
        );
        assert_eq!(other.status == 304, coding == Some("br"), "{accept:?}");
        let ranged = served.get("/a.js", &[&lines[..], &["Range: bytes=0-1"]].concat());
        let len = answer.content.len();
        let value = format!("bytes 0-1/{len}");
        assert_eq!(ranged.field("Content-Range"), Some(&*value));
        assert_eq!(ranged.field("Content-Encoding"), coding);
    }
    // The sibling itself is a file, and not encoded.
    let answer = served.get("/a.js.gz", &["Accept-Encoding: gzip"]);
    assert_eq!(answer.field("Content-Encoding"), None);
    assert_eq!(answer.field("Content-Type"), Some("application/gzip"));
}

#[test]
fn a_sibling_that_is_older_or_longer_or_without_its_file_is_not_sent() {
    let served = Served::new(at_once());
    let accept = ["Accept-Encoding: gzip, br, zstd"];
    served.write("old.txt", "x".repeat(100));
    served.write("old.txt.gz", "g");
    set_modified(&served.path("old.txt.gz"), 784_111_776);
    served.write("long.txt", "x");
    served.write("long.txt.gz", "gg");
    served.write("picture.png", "x".repeat(100));
    served.write("picture.png.gz", "g");
    served.write("none.txt.gz", "g");
    fs::create_dir_all(served.path("folder.txt.gz")).unwrap();
    served.write("folder.txt", "x".repeat(100));
    for path in ["/old.txt", "/long.txt", "/picture.png", "/folder.txt"] {
        let answer = served.get(path, &accept);
        assert_eq!(answer.status, 200);
        assert_eq!(answer.field("Content-Encoding"), None, "{path}");
        assert_eq!(answer.field("Vary"), None, "{path}");
    }
    assert_eq!(served.get("/none.txt", &accept).status, 404);
    // It appears, and it goes.
    set_modified(&served.path("old.txt.gz"), 784_111_777);
    assert_eq!(
        served.get("/old.txt", &accept).field("Content-Encoding"),
        Some("gzip")
    );
    fs::remove_file(served.path("old.txt.gz")).unwrap();
    assert_eq!(
        served.get("/old.txt", &accept).field("Content-Encoding"),
        None
    );
    let ignored = Served::new(FilesOptions {
        precompressed: Precompressed::Ignore,
        ..at_once()
    });
    ignored.write("a.txt", "xxx");
    ignored.write("a.txt.gz", "g");
    let answer = ignored.get("/a.txt", &accept);
    assert_eq!(
        (answer.field("Content-Encoding"), answer.text()),
        (None, "xxx")
    );
}

#[test]
fn a_folder_has_an_index_behind_its_slash() {
    let served = Served::new(at_once());
    served.write("index.html", "root");
    served.write("a b/index.html", "inner");
    served.write("a b/c:d/x", "x");
    fs::create_dir_all(served.path("empty")).unwrap();
    assert_eq!(served.get("/", &[]).text(), "root");
    assert_eq!(served.get("/files/", &[]).text(), "root");
    assert_eq!(served.get("/a%20b/", &[]).text(), "inner");
    for (path, location) in [
        ("/a%20b", "./a%20b/"),
        ("/a%20b?x=y&z", "./a%20b/?x=y&z"),
        ("/a%20b/c:d", "./c%3Ad/"),
        ("/files", "./files/"),
        ("/files/a%20b", "./a%20b/"),
    ] {
        let answer = served.get(path, &[]);
        assert_eq!(answer.status, 301, "{path}");
        assert_eq!(answer.field("Location"), Some(location), "{path}");
    }
    assert_eq!(served.status("/empty/"), 403);
    // A file is no folder, and another host is none of ours.
    assert_eq!(served.status("/index.html/"), 404);
    assert_eq!(served.status("//example.com"), 404);
    assert_eq!(served.status("//a%20b"), 404);
    assert_eq!(served.status("/files//a%20b"), 404);
    let several = Served::new(FilesOptions {
        index: vec!["a.htm".into(), "b.htm".into()],
        ..at_once()
    });
    several.write("b.htm", "b");
    fs::create_dir_all(several.path("a.htm")).unwrap();
    assert_eq!(several.get("/", &[]).text(), "b");
}

#[test]
fn a_listing_is_sorted_escaped_and_bounded() {
    let served = Served::new(FilesOptions {
        listing: Listing::On,
        max_listed: 6,
        ..at_once()
    });
    served.write("x/b&c.txt", "");
    served.write("x/<img src=a onerror='\"'>", "");
    served.write("x/javascript:alert(1)", "");
    served.write("x/.hidden", "");
    fs::create_dir_all(served.path("x/folder")).unwrap();
    make_fifo(&served.path("x/fifo"));
    let answer = served.get("/x/", &[]);
    assert_eq!(answer.status, 200);
    assert_eq!(
        answer.text(),
        "<!DOCTYPE html>\n<meta charset=\"utf-8\">\n<title>/x</title>\n<ul>\n\
         <li><a href=\"../\">../</a>\n\
         <li><a href=\"./%3Cimg%20src%3Da%20onerror%3D%27%22%27%3E\">\
         &lt;img src=a onerror=&#39;&quot;&#39;&gt;</a>\n\
         <li><a href=\"./b%26c.txt\">b&amp;c.txt</a>\n\
         <li><a href=\"./folder/\">folder/</a>\n\
         <li><a href=\"./javascript%3Aalert%281%29\">javascript:alert(1)</a>\n</ul>\n"
    );
    assert_eq!(
        answer.field("Content-Type"),
        Some("text/html; charset=utf-8")
    );
    assert_eq!(
        answer.field("Content-Security-Policy"),
        Some("default-src 'none'")
    );
    for number in 0..20 {
        served.write(&format!("y/{number}"), "");
    }
    let answer = served.get("/y/", &[]);
    assert_eq!(answer.text().matches("<li>").count(), 7);
    assert!(answer.text().ends_with("<p>There is more.\n"));
    assert!(!served.get("/", &[]).text().contains(".."));
}

#[test]
fn no_path_leads_out_of_the_folder() {
    let served = Served::new(FilesOptions {
        listing: Listing::On,
        dot_files: DotFiles::Serve,
        ..at_once()
    });
    fs::write(served.base.join("secret"), "SECRET").unwrap();
    served.write("a/b", "b");
    let deep = "/..".repeat(2000);
    let long = format!("/{}", "a".repeat(7000));
    let segments = "/a".repeat(3000);
    for (path, status) in [
        ("/../secret", 404),
        ("/a/../../secret", 404),
        ("/a/../a/b", 404),
        ("/./a/b", 404),
        ("/%2e%2e/secret", 404),
        ("/%2E%2e/secret", 404),
        ("/.%2e/secret", 404),
        ("/..%2fsecret", 404),
        ("/..%2Fsecret", 404),
        ("/a%2fb", 404),
        ("/%2e%2e%2fsecret", 404),
        ("/%252e%252e/secret", 404),
        ("/..%5csecret", 404),
        ("/..%5Csecret", 404),
        ("/..\\secret", 404),
        ("/%c0%ae%c0%ae/secret", 404),
        ("/..%00/secret", 400),
        ("/a/b%00.html", 400),
        ("/a/b%", 400),
        ("/a/b%2", 400),
        ("/a/b%zz", 400),
        ("//etc/passwd", 404),
        ("/a//b", 404),
        ("/..", 404),
        ("/.", 404),
        ("/a/..", 404),
        ("/..;/secret", 404),
        ("/...", 404),
        ("/proc/self/environ", 404),
        (&deep, 404),
        (&long, 404),
        (&segments, 404),
    ] {
        let answer = served.get(path, &[]);
        let shown = &path[..path.len().min(40)];
        // The engine itself refuses some bytes.
        assert!(
            answer.status == status || answer.status == 400,
            "{shown}: {}",
            answer.status
        );
        assert!(!answer.head.contains("SECRET") && !answer.text().contains("SECRET"));
    }
    assert_eq!(served.get("/a/b", &[]).text(), "b");
}

#[test]
fn names_with_a_dot_are_hidden() {
    let served = Served::new(at_once());
    served.write(".env", "SECRET");
    served.write(".git/config", "SECRET");
    served.write(".well-known/security.txt", "s");
    served.write("a/.htpasswd", "SECRET");
    for path in [
        "/.env",
        "/%2eenv",
        "/.git/config",
        "/.git",
        "/.git/",
        "/a/.htpasswd",
    ] {
        assert_eq!(served.status(path), 404, "{path}");
    }
    assert_eq!(served.status("/.well-known/security.txt"), 200);
    let open = Served::new(FilesOptions {
        dot_files: DotFiles::Serve,
        ..at_once()
    });
    open.write(".env", "e");
    assert_eq!(open.get("/.env", &[]).text(), "e");
}

#[test]
fn links_are_followed_as_far_as_the_policy_goes() {
    for (symlinks, rows) in [
        (Symlinks::Deny, [403, 403, 403, 403, 403, 403, 403]),
        (Symlinks::Within, [200, 200, 403, 403, 403, 403, 404]),
        (Symlinks::Follow, [200, 200, 200, 200, 403, 200, 404]),
    ] {
        let served = Served::new(FilesOptions {
            symlinks,
            ..at_once()
        });
        served.write("real/file", "file");
        fs::create_dir_all(served.base.join("outside")).unwrap();
        fs::write(served.base.join("outside/file"), "outside").unwrap();
        let absolute = served.base.join("outside/file");
        symlink("real/file", served.path("to-file")).unwrap();
        symlink("real", served.path("to-folder")).unwrap();
        symlink("../outside/file", served.path("out")).unwrap();
        symlink(absolute, served.path("absolute")).unwrap();
        symlink("loop", served.path("loop")).unwrap();
        symlink("../www/real/file", served.path("out-and-in")).unwrap();
        symlink("nothing", served.path("dangling")).unwrap();
        let paths = [
            "/to-file",
            "/to-folder/file",
            "/out",
            "/absolute",
            "/loop",
            "/out-and-in",
            "/dangling",
        ];
        for (path, status) in paths.into_iter().zip(rows) {
            assert_eq!(served.status(path), status, "{path} {symlinks:?}");
        }
    }
}

struct SetOnDrop<'b>(&'b AtomicBool);

impl Drop for SetOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn a_link_swapped_under_a_thousand_requests_never_leads_out() {
    let served = Served::new(at_once());
    served.write("real/file", "inside");
    fs::create_dir_all(served.base.join("outside")).unwrap();
    fs::write(served.base.join("outside/file"), "SECRET").unwrap();
    let (folder, aside) = (served.path("x"), served.path("aside"));
    symlink("real", &folder).unwrap();
    symlink("../outside", &aside).unwrap();
    let stop = AtomicBool::new(false);
    let counts = std::thread::scope(|scope| {
        scope.spawn(|| {
            let spare = served.path("spare");
            while !stop.load(Ordering::Relaxed) {
                fs::rename(&folder, &spare).unwrap();
                fs::rename(&aside, &folder).unwrap();
                fs::rename(&spare, &aside).unwrap();
            }
        });
        // It ends with the test, and with one that fails, too.
        let _stop = SetOnDrop(&stop);
        let mut counts = [0; 3];
        let mut client = served.connect();
        for _ in 0..1000 {
            write!(client, "GET /x/file HTTP/1.1\r\nHost: t\r\n\r\n").unwrap();
            let (head, content) = read_response(&mut client);
            match &head[9..12] {
                "200" => counts[0] += 1,
                "403" => counts[1] += 1,
                "404" => counts[2] += 1,
                other => panic!("{other}"),
            }
            assert!(!content.starts_with(b"SECRET"));
        }
        counts
    });
    assert_eq!(counts.iter().sum::<i32>(), 1000, "{counts:?}");
}

fn make_fifo(path: &Path) {
    mkfifoat(CWD, path, Mode::RUSR | Mode::WUSR).unwrap();
}

#[test]
fn what_is_no_file_is_refused_at_once() {
    let served = Served::new(FilesOptions {
        symlinks: Symlinks::Follow,
        ..at_once()
    });
    make_fifo(&served.path("fifo"));
    make_fifo(&served.path("index.html"));
    let _socket = std::os::unix::net::UnixListener::bind(served.path("socket")).unwrap();
    symlink("/dev/zero", served.path("zero")).unwrap();
    symlink("/dev/tty", served.path("tty")).unwrap();
    for path in ["/fifo", "/socket", "/zero", "/tty", "/"] {
        assert_eq!(served.status(path), 403, "{path}");
    }
    // The file system can have things of these kinds as siblings, too.
    served.write("a.txt", "content");
    make_fifo(&served.path("a.txt.gz"));
    let answer = served.get("/a.txt", &["Accept-Encoding: gzip"]);
    assert_eq!((answer.status, answer.text()), (200, "content"));
    assert!(FileType::from_raw_mode(0o010_000) == FileType::Fifo);
}

#[test]
fn what_may_not_be_read_is_forbidden() {
    use std::os::unix::fs::PermissionsExt as _;
    let served = Served::new(at_once());
    served.write("a", "a");
    fs::set_permissions(served.path("a"), fs::Permissions::from_mode(0o000)).unwrap();
    // The superuser may read all.
    let expected = if File::open(served.path("a")).is_ok() {
        200
    } else {
        403
    };
    assert_eq!(served.status("/a"), expected);
}

/// Asks for a large file, and changes it when its beginning has come; and what came of it, with how long
/// it was.
fn changed_while_sent(sendfile: SendFile, change: impl Fn(&Path)) -> (Served, Vec<u8>, usize) {
    let served = Served::new(FilesOptions {
        sendfile,
        ..at_once()
    });
    let len = 32 * 1024 * 1024;
    served.write("large", vec![b'o'; len]);
    let mut client = served.connect();
    write!(client, "GET /large HTTP/1.1\r\nHost: t\r\n\r\n").unwrap();
    let mut first = vec![0; 1000];
    client.read_exact(&mut first).unwrap();
    assert!(first.starts_with(b"HTTP/1.1 200 "));
    change(&served.path("large"));
    first.extend(read_to_end(&mut client));
    let end = first
        .windows(4)
        .position(|four| four == b"\r\n\r\n")
        .unwrap();
    let content = first.split_off(end + 4);
    (served, content, len)
}

#[test]
fn a_file_that_shrinks_is_cut_off_and_not_padded() {
    for sendfile in [SendFile::On, SendFile::Off] {
        let (_, content, len) = changed_while_sent(sendfile, |path| {
            let file = OpenOptions::new().write(true).open(path).unwrap();
            file.set_len(100_000).unwrap();
        });
        assert!(content.len() < len);
        // What lies in the socket by reference is no more what it was.
        let is_old = content.iter().all(|byte| *byte == b'o');
        assert!(is_old || sendfile == SendFile::On);
    }
}

#[test]
fn bytes_of_a_later_version_are_not_sent_under_the_tag_of_an_earlier() {
    let write = |path: &Path, at: u64| {
        let mut file = OpenOptions::new().write(true).open(path).unwrap();
        file.seek(SeekFrom::Start(at)).unwrap();
        file.write_all(&[b'n'; 1000]).unwrap();
    };
    // Near its end no other look is left than the last one.
    let len = 32 * 1024 * 1024;
    for sendfile in [SendFile::On, SendFile::Off] {
        for at in [len / 2, len - 5000] {
            let change = |path: &Path| write(path, at);
            let (served, content, len) = changed_while_sent(sendfile, change);
            assert!(content.len() < len, "{sendfile:?} {at}");
            assert!(content.iter().all(|byte| *byte == b'o'));
            let range = format!("Range: bytes={at}-{at}");
            assert_eq!(served.get("/large", &[&range]).text(), "n");
        }
    }
}

#[test]
fn a_change_behind_the_last_look_but_one_is_seen_by_the_last() {
    // A Unix socket holds less than this, so most of it waits behind the client that does not read.
    let socket = |base: &Path| base.join("socket");
    let served = Served::listening(at_once(), |base| format!("unix:{}", socket(base).display()));
    let len = 1_900_000;
    served.write("large", vec![b'o'; len]);
    let mut client = UnixStream::connect(socket(&served.base)).unwrap();
    client.set_read_timeout(Some(PATIENCE)).unwrap();
    write!(
        client,
        "GET /large HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n"
    )
    .unwrap();
    let mut first = vec![0; 1000];
    client.read_exact(&mut first).unwrap();
    let mut file = OpenOptions::new()
        .write(true)
        .open(served.path("large"))
        .unwrap();
    file.seek(SeekFrom::End(-1)).unwrap();
    file.write_all(b"n").unwrap();
    first.extend(read_to_end(&mut client));
    let head = first.windows(4).position(|four| four == b"\r\n\r\n");
    assert!(first.len() < head.unwrap() + 4 + len);
}

#[test]
fn no_head_promises_what_an_open_file_has_no_more() {
    let served = Served::new(FilesOptions {
        fresh_for: PATIENCE,
        ..FilesOptions::default()
    });
    served.write("large", pattern(100_000));
    let first = served.get("/large", &[]);
    let tag = first.field("ETag").unwrap();
    fs::write(served.path("large"), "short by now").unwrap();
    let second = served.get("/large", &[]);
    assert_eq!((second.status, second.text()), (200, "short by now"));
    let condition = format!("If-None-Match: {tag}");
    assert_eq!(served.get("/large", &[&condition]).status, 200);
}

#[test]
fn a_file_that_is_replaced_is_sent_to_its_end() {
    let (_, content, len) = {
        let served = Served::new(at_once());
        let len = 16 * 1024 * 1024;
        served.write("large", vec![b'o'; len]);
        served.write("new", "new");
        let mut client = served.connect();
        write!(
            client,
            "GET /large HTTP/1.1\r\nHost: t\r\n\r\nGET /large HTTP/1.1\r\nHost: t\r\n\r\n"
        )
        .unwrap();
        let mut first = [0];
        client.read_exact(&mut first).unwrap();
        fs::rename(served.path("new"), served.path("large")).unwrap();
        let (_, content) = read_response(&mut client);
        assert_eq!(read_response(&mut client).1, b"new");
        (served, content, len)
    };
    assert!(content.len() == len && content.iter().all(|byte| *byte == b'o'));
}

#[test]
fn a_file_that_grows_is_sent_as_long_as_was_said_or_cut_off() {
    let (_, content, len) = changed_while_sent(SendFile::Off, |path| {
        let mut file = OpenOptions::new().append(true).open(path).unwrap();
        file.write_all(b"more").unwrap();
    });
    assert!(content.len() <= len && !content.contains(&b'm'));
}

#[test]
fn what_is_known_is_looked_at_again_after_a_while() {
    let served = Served::new(FilesOptions {
        fresh_for: Duration::from_millis(50),
        ..FilesOptions::default()
    });
    served.write("a", "one");
    let mut client = served.connect();
    let mut get = |path: &str| {
        write!(client, "GET {path} HTTP/1.1\r\nHost: t\r\n\r\n").unwrap();
        let (head, content) = read_response(&mut client);
        (head[9..12].to_owned(), String::from_utf8(content).unwrap())
    };
    assert_eq!(get("/a").1, "one");
    assert_eq!(get("/b").0, "404");
    served.write("a", "other");
    served.write("b", "b");
    let begin = std::time::Instant::now();
    while get("/a").1 != "other" || get("/b").0 != "200" {
        assert!(begin.elapsed() < PATIENCE, "it is never looked at");
    }
    fs::remove_file(served.path("a")).unwrap();
    while get("/a").0 != "404" {
        assert!(begin.elapsed() < PATIENCE, "it is never looked at");
    }
}

#[test]
fn a_thread_keeps_few_files_open_and_serves_many() {
    let served = Served::new(FilesOptions {
        max_open: 3,
        max_cached: 10,
        fresh_for: PATIENCE,
        max_small_len: 10,
        ..FilesOptions::default()
    });
    for number in 0..50 {
        served.write(&number.to_string(), format!("content of number {number}"));
    }
    for _ in 0..2 {
        for number in 0..50 {
            let answer = served.get(&format!("/{number}"), &[]);
            assert_eq!(answer.text(), format!("content of number {number}"));
            assert_eq!(served.status(&format!("/none-{number}")), 404);
        }
    }
    #[cfg(target_os = "linux")]
    {
        let base = served.base.canonicalize().unwrap();
        let open = fs::read_dir("/proc/self/fd").unwrap().flatten();
        let ours = open.filter(|entry| {
            let target = fs::read_link(entry.path());
            target.is_ok_and(|target| target.starts_with(&base) && target.is_file())
        });
        assert!(ours.count() <= 3);
    }
}
