//! The application of `examples/device`, on a board of its own: every route, through outputs of 512
//! bytes, and in virtual time.

mod support;

use std::io::Read;
use std::time::Duration;

use kinglet_core::Instant;
use kinglet_device::{Board, Device, Exchange, LIMITS, Led, Reading, Settings};
use support::frames::{self, Masking, masked};
use support::link::{Link, State};
use support::messages::{chunked, content_of, pattern};

const SECOND: Duration = Duration::from_secs(1);

/// A board whose first sensor counts how often it has been read.
#[derive(Default)]
struct Bench {
    count: i32,
    sensors: usize,
    settings: Settings,
}

impl Board for Bench {
    fn name(&self) -> &'static str {
        "bench"
    }

    fn reading(&mut self, index: usize, _: Instant) -> Option<Reading> {
        let count = index == 0;
        self.count += i32::from(count);
        (index < self.sensors).then_some(Reading {
            name: if count {
                "count"
            } else {
                "temperature of the board"
            },
            unit: if count { "" } else { "°C" },
            value: if count { self.count } else { -215 },
            decimals: if count { 0 } else { 1 },
        })
    }

    fn settings(&self) -> Settings {
        self.settings
    }

    fn apply(&mut self, settings: Settings) {
        self.settings = settings;
    }
}

/// A connection to a board with two sensors, by a driver with the least memory there may be.
fn link() -> Link<Device<Bench>> {
    link_to(2)
}

fn link_to(sensors: usize) -> Link<Device<Bench>> {
    let board = Bench {
        sensors,
        ..Bench::default()
    };
    Link::with_buffers(Device::new(board), LIMITS, 1024, 512)
        .with_windows(1024)
        .open(Instant::from_millis(0))
}

/// What is answered to a request, whole and byte by byte.
fn answer(request: impl AsRef<[u8]>) -> Vec<u8> {
    let whole = link().send(&request).received();
    let mut slow = link();
    slow.trickle(&request);
    // What a stream writes at a time depends on what has come: only where the content lies differs.
    assert_eq!(content(&slow.received()), content(&whole));
    whole
}

fn content(answer: &[u8]) -> Vec<u8> {
    match status(answer) {
        204 => Vec::new(),
        _ => content_of(answer),
    }
}

fn status(answer: &[u8]) -> u16 {
    let status = answer.get(9..12).expect("a status line");
    String::from_utf8_lossy(status).parse().expect("a status")
}

fn text(request: impl AsRef<[u8]>) -> (u16, String) {
    let answer = answer(request);
    let content = String::from_utf8(content(&answer)).expect("text");
    (status(&answer), content)
}

fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n")
}

fn post(path: &str, lines: &str, content: &[u8]) -> Vec<u8> {
    let len = content.len();
    let head = format!("POST {path} HTTP/1.1\r\nHost: a\r\nContent-Length: {len}\r\n{lines}\r\n");
    [head.as_bytes(), content].concat()
}

fn post_chunked(path: &str, content: &[u8]) -> Vec<u8> {
    let head = format!("POST {path} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
    [head.into_bytes(), chunked(content, &[700, 1, 64])].concat()
}

#[test]
fn the_page_is_served_plain_and_compressed() {
    let files: [(&str, &str, &[u8]); 4] = [
        (
            "/",
            "text/html",
            include_bytes!("../examples/device/assets/index.html"),
        ),
        (
            "/app.js",
            "text/javascript",
            include_bytes!("../examples/device/assets/app.js"),
        ),
        (
            "/style.css",
            "text/css",
            include_bytes!("../examples/device/assets/style.css"),
        ),
        (
            "/favicon.svg",
            "image/svg+xml",
            include_bytes!("../examples/device/assets/favicon.svg"),
        ),
    ];
    let mut sum = 0;
    for (path, media_type, plain) in files {
        let sent = answer(get(path));
        let head = String::from_utf8_lossy(&sent[..sent.len() - plain.len()]).into_owned();
        assert!(
            head.contains(&format!("Content-Type: {media_type}")),
            "{head}"
        );
        assert!(content(&sent) == plain, "{path}");

        let sent = answer(format!(
            "GET {path} HTTP/1.1\r\nHost: a\r\nAccept-Encoding: gzip, deflate, br\r\n\r\n"
        ));
        let compressed = content(&sent);
        let head = String::from_utf8_lossy(&sent[..sent.len() - compressed.len()]).into_owned();
        assert!(head.contains("Content-Encoding: gzip\r\n"), "{head}");
        let mut inflated = Vec::new();
        flate2::read::GzDecoder::new(compressed.as_slice())
            .read_to_end(&mut inflated)
            .expect("gzip");
        assert!(inflated == plain, "{path}: run `gzip -9nkf` on it");
        sum += compressed.len();
    }
    assert!(sum < 10 * 1024, "{sum} bytes");
}

#[test]
fn what_a_browser_has_already_is_not_sent_again() {
    let sent = String::from_utf8(answer(get("/app.js"))).expect("text");
    let (_, behind) = sent.split_once("ETag: ").expect("a tag");
    let (tag, _) = behind.split_once("\r\n").expect("a line");
    let again = format!("GET /app.js HTTP/1.1\r\nHost: a\r\nIf-None-Match: {tag}\r\n\r\n");
    assert_eq!(status(&link().send(again).received()), 304);
}

/// What Chrome 156 says of itself with every request.
const CHROME: &str = "sec-ch-ua-platform: \"Linux\"\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64) \
    AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/156.0.0.0 Safari/537.36\r\n\
    sec-ch-ua: \"Not:A-Brand\";v=\"8\", \"Chromium\";v=\"156\"\r\nsec-ch-ua-mobile: ?0\r\n\
    Sec-Fetch-Site: none\r\nSec-Fetch-Mode: navigate\r\nSec-Fetch-User: ?1\r\nSec-Fetch-Dest: document\r\n\
    Accept-Encoding: gzip, deflate, br, zstd\r\nAccept-Language: en-US,en;q=0.9\r\n\
    Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/jxl,image/avif,image/webp,\
    image/apng,*/*;q=0.8,application/signed-exchange;v=b3;q=0.7\r\n";

#[test]
fn a_browsers_heads_fit() {
    // 650 bytes and more, which the preset for microcontrollers refuses.
    let page = format!("GET / HTTP/1.1\r\nHost: 192.168.100.200:8080\r\n{CHROME}\r\n");
    assert!(page.len() > usize::from(kinglet_core::Limits::MICROCONTROLLER.max_head_len));
    assert_eq!(status(&link().send(page).received()), 200);
    let change = post(
        "/settings",
        &format!("{JSON}{CHROME}"),
        br#"{"interval":60000,"led":false}"#,
    );
    assert_eq!(text(change).0, 200);
    assert_eq!(
        status(&link().send(handshake("/sensors", CHROME)).received()),
        101
    );
}

#[test]
fn short_answers() {
    let rows = [
        (get("/hello"), 200, "Hello, World!\n"),
        (get("/nothing"), 404, "no such resource\n"),
        (get("/echo"), 405, "method not allowed\n"),
        (get("/lines?n=2"), 200, "line 1 of 2\nline 2 of 2\n"),
        (
            get("/lines?n=0"),
            400,
            "n: expected a number from 1 to 1000000\n",
        ),
        (
            get("/lines?n=10000000"),
            400,
            "n: expected a number from 1 to 1000000\n",
        ),
        (
            get("/settings"),
            200,
            "{\"name\":\"bench\",\"interval\":1000,\"led\":false}\n",
        ),
        ("OPTIONS /echo HTTP/1.1\r\nHost: a\r\n\r\n".into(), 204, ""),
    ];
    for (request, status, expected) in rows {
        assert_eq!(text(&request), (status, expected.into()), "{request}");
    }
    let head = link()
        .send("HEAD /app.js HTTP/1.1\r\nHost: a\r\n\r\n")
        .received();
    assert!(head.starts_with(b"HTTP/1.1 200 ") && head.ends_with(b"\r\n\r\n"));
}

#[test]
fn a_long_answer_passes_a_short_output() {
    for bite in [1, 300, usize::MAX] {
        let mut link = link();
        let mut received = Vec::new();
        link.take(if bite == usize::MAX { bite } else { 0 });
        link.send(get("/lines?n=300"));
        link.bite(bite, &mut received);
        received.extend(link.received());
        let lines: String = (1..=300).map(|n| format!("line {n} of 300\n")).collect();
        assert!(content_of(&received) == lines.as_bytes(), "bite {bite}");
    }
}

#[test]
fn an_echo_of_any_length_is_the_content() {
    for len in [0, 1, 511, 512, 513, 5000] {
        let content = pattern(len);
        for request in [post("/echo", "", &content), post_chunked("/echo", &content)] {
            assert!(self::content(&answer(&request)) == content, "{len} bytes");
        }
    }
    let typed = answer(post("/echo", "Content-Type: text/x-test\r\n", b"hello"));
    assert!(String::from_utf8_lossy(&typed).contains("Content-Type: text/x-test\r\n"));
    // One that there is no room for in the answer's head.
    let line = format!("Content-Type: text/{}\r\n", "x".repeat(500));
    let untyped = answer(post("/echo", &line, b"hello"));
    assert!(String::from_utf8_lossy(&untyped).contains("application/octet-stream"));
}

#[test]
fn an_upload_is_counted_and_summed() {
    let rows = [
        (b"".to_vec(), "{\"bytes\":0,\"crc32\":\"00000000\"}\n"),
        (
            b"123456789".to_vec(),
            "{\"bytes\":9,\"crc32\":\"cbf43926\"}\n",
        ),
        (
            vec![0; 100_000],
            "{\"bytes\":100000,\"crc32\":\"d411957d\"}\n",
        ),
    ];
    for (content, expected) in rows {
        for request in [
            post("/upload", "", &content),
            post_chunked("/upload", &content),
        ] {
            assert_eq!(text(&request), (200, expected.into()));
        }
    }
    let mut link = link();
    link.send(
        "PUT /upload HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\nExpect: 100-continue\r\n\r\n",
    );
    assert_eq!(link.received_text(), "HTTP/1.1 100 Continue\\r\\n\\r\\n");
    link.send("123456789");
    assert!(link.received_text().contains("cbf43926"));
}

const JSON: &str = "Content-Type: application/json\r\n";
const FORM: &str = "Content-Type: application/x-www-form-urlencoded; charset=utf-8\r\n";

#[test]
fn settings_are_changed_as_a_whole() {
    let rows = [
        (JSON, r#"{"interval":250,"led":true}"#, 250, Led::On),
        (JSON, r#" { "led" : true } "#, 1000, Led::On),
        (JSON, "{}", 1000, Led::Off),
        (FORM, "interval=250&led=on", 250, Led::On),
        (FORM, "%69nterval=60000", 60_000, Led::Off),
        (FORM, "", 1000, Led::Off),
    ];
    for (lines, change, interval, led) in rows {
        let request = post("/settings", lines, change.as_bytes());
        let is_lit = led == Led::On;
        let told = format!("{{\"name\":\"bench\",\"interval\":{interval},\"led\":{is_lit}}}\n");
        assert_eq!(text(&request), (200, told), "{change}");
        let mut link = link();
        link.send(&request);
        let interval = Duration::from_millis(interval);
        assert_eq!(
            link.application.board().settings,
            Settings { interval, led }
        );
    }
}

#[test]
fn what_is_no_change_says_why_and_changes_nothing() {
    const INTERVAL: &str = "interval: expected 100 to 60000 milliseconds\n";
    let long = format!("{{\"led\":true{}}}", " ".repeat(200));
    let rows = [
        (
            "",
            "interval=250",
            415,
            "expected application/json or application/x-www-form-urlencoded\n",
        ),
        (
            "Content-Type: text/plain\r\n",
            "x",
            415,
            "expected application/json or application/x-www-form-urlencoded\n",
        ),
        (JSON, r#"{"interval":99}"#, 422, INTERVAL),
        (JSON, r#"{"led":true,"interval":60001}"#, 422, INTERVAL),
        (
            JSON,
            r#"{"interval":"250"}"#,
            422,
            "expected {\"interval\": milliseconds, \"led\": true or false}\n",
        ),
        (
            JSON,
            r#"{"led":1}"#,
            422,
            "expected {\"interval\": milliseconds, \"led\": true or false}\n",
        ),
        (
            JSON,
            r#"{"light":true}"#,
            422,
            "expected {\"interval\": milliseconds, \"led\": true or false}\n",
        ),
        (JSON, r#"{"led":true"#, 400, "expected an object in JSON\n"),
        (
            JSON,
            r#"{"led":true}}"#,
            400,
            "expected an object in JSON\n",
        ),
        (JSON, "", 400, "expected an object in JSON\n"),
        (FORM, "led=on&interval=soon", 422, INTERVAL),
        (FORM, "led=on&interval=-250", 422, INTERVAL),
        (FORM, "led=on&interval=123456789", 422, INTERVAL),
        (
            FORM,
            "interval=250&led=maybe",
            422,
            "led: expected on or off\n",
        ),
        (
            FORM,
            "interval=250&light=on",
            422,
            "expected interval=milliseconds and led=on or led=off\n",
        ),
        (FORM, "interval=%zz", 422, INTERVAL),
        (
            "Origin: http://other.example\r\nContent-Type: application/json\r\n",
            "{}",
            403,
            "expected a page of this device\n",
        ),
        (
            "Origin: null\r\nContent-Type: application/json\r\n",
            "{}",
            403,
            "expected a page of this device\n",
        ),
    ];
    for (lines, change, status, expected) in rows {
        let request = post("/settings", lines, change.as_bytes());
        assert_eq!(text(&request), (status, expected.into()), "{change}");
        let mut link = link();
        link.send(&request);
        assert_eq!(
            link.application.board().settings,
            Settings::default(),
            "{change}"
        );
    }
    assert_eq!(
        status(
            &link()
                .send(post("/settings", JSON, long.as_bytes()))
                .received()
        ),
        413
    );
    let own = post("/settings", &format!("Origin: http://A\r\n{JSON}"), b"{}");
    assert_eq!(text(own).0, 200);
}

/// The opening handshake for a WebSocket.
fn handshake(path: &str, lines: &str) -> String {
    format!(
        "GET {path} HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{lines}\r\n"
    )
}

fn open(path: &str, lines: &str) -> Link<Device<Bench>> {
    let mut link = link();
    link.send(handshake(path, lines));
    let received = link.received_text();
    assert!(received.starts_with("HTTP/1.1 101 "), "{received}");
    link
}

/// The messages in frames of a server that are not compressed: kind and data.
fn messages(mut bytes: &[u8]) -> Vec<(u8, Vec<u8>)> {
    let mut messages = Vec::new();
    while let [first, len, rest @ ..] = bytes {
        let (len, rest) = match len {
            126 => (usize::from(rest[0]) << 8 | usize::from(rest[1]), &rest[2..]),
            len => (usize::from(*len), rest),
        };
        match first & 0xf {
            0 => {
                let (_, data): &mut (u8, Vec<u8>) = messages.last_mut().expect("a beginning");
                data.extend(&rest[..len]);
            }
            kind => messages.push((kind, rest[..len].to_vec())),
        }
        bytes = &rest[len..];
    }
    messages
}

#[test]
fn a_websocket_message_of_any_length_comes_back() {
    for len in [0, 1, 125, 126, 500, 512, 513, 70_000] {
        let data = pattern(len);
        for pieces in [1, 7, 512, usize::MAX] {
            let mut link = open("/ws", "");
            let mut received = Vec::new();
            for piece in masked(0x82, &data).chunks(pieces) {
                received.extend(link.send(piece).received());
            }
            assert!(
                messages(&received) == [(2, data.clone())],
                "{len} in {pieces}"
            );
        }
    }
}

#[test]
fn a_websocket_that_does_not_read_is_not_read_from() {
    let data = pattern(20_000);
    let mut link = open("/ws", "");
    link.take(0);
    link.send(masked(0x82, &data));
    assert!(link.unread() > 18_000);
    assert_eq!(link.state, State::Sending);
    let mut received = Vec::new();
    link.bite(100, &mut received);
    assert!(messages(&received) == [(2, data)]);
}

#[test]
fn a_compressed_message_comes_back() {
    let offer = "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n";
    let mut link = open("/ws", offer);
    // "Hello" (RFC 7692 §7.2.3.1), which is too short to be compressed again.
    link.send(masked(0xc1, &[0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00]));
    assert_eq!(messages(&link.received()), [(1, b"Hello".to_vec())]);
}

fn report(at: u64, count: i32) -> String {
    format!(
        "{{\"at\":{at},\"readings\":[{{\"name\":\"count\",\"unit\":\"\",\"value\":{count}}},\
         {{\"name\":\"temperature of the board\",\"unit\":\"°C\",\"value\":-21.5}}]}}"
    )
}

#[test]
fn readings_come_as_messages_at_each_interval() {
    let mut link = link();
    link.send(handshake("/sensors", ""));
    let received = link.received();
    let at = received
        .windows(4)
        .position(|bytes| bytes == b"\r\n\r\n")
        .expect("a head");
    assert_eq!(
        messages(&received[at + 4..]),
        [(1, report(0, 1).into_bytes())]
    );
    // What a client says is of no interest, but is no mistake either.
    link.send(masked(0x81, b"hello"));
    link.pass(3 * SECOND);
    let expected =
        [(1000, 2), (2000, 3), (3000, 4)].map(|(at, count)| (1, report(at, count).into_bytes()));
    assert_eq!(messages(&link.received()), expected);
    link.send(frames::bytes("close 1000", Masking::Masked).expect("a frame"));
    assert_eq!(messages(&link.received()), [(8, vec![3, 0xe8])]);
}

#[test]
fn who_reads_slowly_misses_reports_and_gets_the_newest() {
    let mut link = link();
    link.send(handshake("/sensors", ""));
    link.received();
    link.take(0);
    link.pass(4 * SECOND);
    link.take(usize::MAX);
    link.pass(SECOND);
    let received = messages(&link.received());
    let (_, last) = received.last().expect("a report");
    assert!(last.starts_with(b"{\"at\":5000,"), "{received:?}");
    assert!(received.len() < 6, "{received:?}");
}

#[test]
fn a_shorter_interval_holds_for_those_who_listen() {
    let mut link = link();
    link.send(post("/settings", FORM, b"interval=60000"));
    link.received();
    link.send(handshake("/sensors", ""));
    link.received();
    link.pass(10 * SECOND);
    assert_eq!(link.received(), b"");
    let mut board = Bench {
        sensors: 2,
        ..Bench::default()
    };
    board.settings.interval = SECOND;
    link.application = Device::new(board);
    link.pass(2 * SECOND);
    assert!(!link.received().is_empty());
}

#[test]
fn readings_come_as_events_at_each_interval() {
    let mut link = link();
    link.send(get("/events"));
    let mut received = link.received();
    assert!(String::from_utf8_lossy(&received).contains("Content-Type: text/event-stream\r\n"));
    link.pass(2 * SECOND);
    received.extend(link.received());
    received.extend(b"0\r\n\r\n");
    let expected: String = [(0, 1), (1000, 2), (2000, 3)]
        .map(|(at, count)| format!("data: {}\n\n", report(at, count)))
        .concat();
    assert_eq!(
        String::from_utf8(content_of(&received)).expect("text"),
        expected
    );
}

#[test]
fn readings_that_there_is_no_room_for_are_left_out() {
    for sensors in [0, 1, 20] {
        let mut link = link_to(sensors);
        link.send(get("/events"));
        let mut received = link.received();
        received.extend(b"0\r\n\r\n");
        let text = String::from_utf8(content_of(&received)).expect("text");
        let json = text.strip_prefix("data: ").expect("an event");
        let report: serde_json::Value = serde_json::from_str(json).expect("JSON");
        let len = report["readings"].as_array().expect("readings").len();
        assert_eq!(len, sensors.min(7), "{text}");
    }
}

#[test]
fn readings_are_for_pages_of_the_device() {
    for path in ["/sensors", "/ws"] {
        let request = handshake(path, "Origin: http://other.example\r\n");
        let answer = link().send(request).received();
        assert_eq!(status(&answer), if path == "/ws" { 101 } else { 403 });
    }
}

#[test]
fn an_exchange_remembers_a_few_words() {
    assert!(size_of::<Exchange>() <= 32);
}
