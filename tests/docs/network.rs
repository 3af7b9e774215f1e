//! `docs/network-layers.md` is so: its frames are read by smoltcp's parsers, and what the server's carry is
//! what the engine says to what the client's carry.

use core::time::Duration;

use kinglet_core::window::{Outlook, Queue};
use kinglet_core::{Context, Input, Instant, Output, Session, Stamp, Turn};
use kinglet_device::{Board, Device, Exchange, LIMITS, Reading, Settings};
use smoltcp::wire::{
    ArpPacket, EthernetFrame, EthernetProtocol, IpAddress, IpProtocol, Ipv4Packet,
};
use smoltcp::wire::{TcpPacket, TcpSeqNumber};

use crate::markdown::{Block, blocks};

pub const PAGE: &str = include_str!("../../docs/network-layers.md");

/// When the recording was made, by the clock of the machine that made it: each connection, in seconds
/// since 1970.
const DATES: [u64; 2] = [1_795_550_030, 1_795_550_031];

/// What the application of the firmware is on here: it is not asked for any of this.
#[derive(Default)]
struct NoBoard(Settings);

impl Board for NoBoard {
    fn name(&self) -> &'static str {
        "none"
    }

    fn reading(&mut self, _: usize, _: Instant) -> Option<Reading> {
        None
    }

    fn settings(&self) -> Settings {
        self.0
    }

    fn apply(&mut self, settings: Settings) {
        self.0 = settings;
    }
}

/// A segment, as far as the next one has to fit it.
#[derive(Debug)]
struct Segment {
    is_syn: bool,
    is_fin: bool,
    number: TcpSeqNumber,
    acknowledged: Option<TcpSeqNumber>,
    payload: Vec<u8>,
}

impl Segment {
    /// The number of the byte behind it.
    fn end(&self) -> TcpSeqNumber {
        self.number + self.payload.len() + usize::from(self.is_syn) + usize::from(self.is_fin)
    }
}

#[test]
fn every_frame_of_the_page_is_in_order() {
    let mut frames = 0;
    // Where each side goes on: the client, and the server.
    let mut ends: [Option<TcpSeqNumber>; 2] = [None, None];
    for block in blocks(PAGE).iter().filter(|block| block.kind == "frame") {
        let at = block.at;
        let Some(segment) = segment(block).unwrap_or_else(|told| panic!("line {at}: {told}"))
        else {
            continue;
        };
        if block.words.contains(&"begins") {
            ends = [None, None];
        }
        let side = usize::from(block.words[0] == "server");
        assert_eq!(segment.is_syn, block.words.contains(&"syn"), "line {at}");
        assert_eq!(segment.is_fin, block.words.contains(&"fin"), "line {at}");
        if let Some(end) = ends[side] {
            assert_eq!(segment.number, end, "line {at}");
        }
        if let (Some(end), Some(acknowledged)) = (ends[1 - side], segment.acknowledged) {
            assert_eq!(acknowledged, end, "line {at}");
        }
        ends[side] = Some(segment.end());
        frames += 1;
    }
    assert!(frames > 10, "only {frames}");
}

#[test]
fn what_the_server_sends_is_what_the_engine_says() {
    let mut dates = DATES.into_iter();
    let mut connection: Option<Connection> = None;
    let mut answers = 0;
    for block in blocks(PAGE).iter().filter(|block| block.kind == "frame") {
        let Some(segment) = segment(block).expect("checked above") else {
            continue;
        };
        let words = &block.words;
        if words.contains(&"syn") || words.contains(&"begins") {
            connection = (words[0] == "client").then(|| {
                let date = dates.next();
                Connection::new(date.unwrap_or_else(|| panic!("line {}: no date", block.at)))
            });
        }
        // No request is shown of what is not played.
        let Some(connection) = connection.as_mut().filter(|_| !segment.payload.is_empty()) else {
            connection = connection.filter(|_| !words.contains(&"begins"));
            continue;
        };
        if words[0] == "client" {
            connection.receive(&segment.payload);
        } else {
            let said = without_reason(std::mem::take(&mut connection.said));
            let told = || String::from_utf8_lossy(&said).into_owned();
            assert_eq!(said, segment.payload, "line {}: {}", block.at, told());
            assert_eq!(connection.is_shut, segment.is_fin, "line {}", block.at);
            answers += 1;
        }
    }
    assert_eq!(answers, 3);
}

#[test]
fn a_frame_that_is_wrong_does_not_pass() {
    let right = blocks(PAGE);
    let request = right
        .iter()
        .filter(|block| block.kind == "frame")
        .find(|block| block.lines.iter().any(|line| line.contains("GET")));
    let right = format!(
        "```frame\n{}\n```\n",
        request.expect("a request").lines.join("\n")
    );
    let verdict = |text: &str| segment(&blocks(text)[0]).map(|_| ());
    assert_eq!(verdict(&right), Ok(()));
    for (from, to) in [
        ("47 45 54", "47 45 55"),
        ("TCP, 20 bytes", "TCP, 24 bytes"),
        ("total length = 123", "total length = 124"),
        ("window = 65,535", "window = 4,096"),
        ("source, 10.0.2.2", "source, 10.0.2.15"),
        ("GET /hello", "GET /hallo"),
        ("-- HTTP", "-- "),
    ] {
        let wrong = right.replacen(from, to, 1);
        assert_ne!(wrong, right, "{from} is not there");
        assert!(verdict(&wrong).is_err(), "{from} is as good as {to}");
    }
}

/// The engine, and the firmware's application on it.
struct Connection {
    application: Device<NoBoard>,
    context: Context,
    session: Session<Exchange>,
    said: Vec<u8>,
    is_shut: bool,
}

impl Connection {
    fn new(date: u64) -> Self {
        let mut stamp = Stamp::new("kinglet");
        stamp.set_date(date);
        Self {
            application: Device::new(NoBoard::default()),
            context: Context::new(LIMITS, stamp),
            session: Session::new(),
            said: Vec::new(),
            is_shut: false,
        }
    }

    fn receive(&mut self, bytes: &[u8]) {
        self.context.now = self.context.now.after(Duration::from_millis(1));
        let mut bytes = bytes.to_vec();
        loop {
            let mut room = [0; 2048];
            let mut queue = Queue::new();
            let mut input = Input::new(&mut bytes, Outlook::More);
            let mut output = Output::for_ring(&mut room, &mut queue);
            let turn = self.session.turn(
                &mut self.application,
                &self.context,
                &mut input,
                &mut output,
            );
            bytes = input.remaining().to_vec();
            self.said.extend_from_slice(&room[..queue.filled()]);
            self.said.extend_from_slice(queue.take_reference());
            match turn {
                Turn::Send => {}
                Turn::Shutdown => self.is_shut = true,
                Turn::Receive | Turn::Wait => break,
                Turn::Close(cause) => panic!("{cause:?}"),
            }
        }
        assert!(bytes.is_empty(), "all of it is consumed");
    }
}

/// An answer as the firmware gives it: it leaves out what is for people only, and this engine does not.
fn without_reason(mut said: Vec<u8>) -> Vec<u8> {
    let len = "HTTP/1.1 200 ".len();
    if said.starts_with(b"HTTP/1.1 ")
        && let Some(end) = said.iter().position(|byte| *byte == b'\r')
    {
        said.drain(len..end);
    }
    said
}

/// The bytes of a block, when what is written beside them is true, and the segment in them, when there
/// is one.
fn segment(block: &Block<'_>) -> Result<Option<Segment>, String> {
    let (bytes, layers) = parse(block)?;
    let why = |error: smoltcp::wire::Error| error.to_string();
    let frame = EthernetFrame::new_checked(&bytes[..]).map_err(why)?;
    let mut expected = vec![("Ethernet II", 14)];
    if frame.ethertype() == EthernetProtocol::Arp {
        ArpPacket::new_checked(frame.payload()).map_err(why)?;
        expected.push(("ARP", 28));
        return compare(&layers, &expected, bytes.len()).map(|()| None);
    }
    let packet = Ipv4Packet::new_checked(frame.payload()).map_err(why)?;
    if !packet.verify_checksum() || packet.next_header() != IpProtocol::Tcp {
        return Err("the IPv4 header's checksum".into());
    }
    expected.push(("IPv4", packet.header_len().into()));
    let segment = TcpPacket::new_checked(packet.payload()).map_err(why)?;
    let [from, to] = [packet.src_addr(), packet.dst_addr()].map(IpAddress::from);
    if !segment.verify_checksum(&from, &to) {
        return Err("the segment's checksum".into());
    }
    expected.push(("TCP", segment.header_len().into()));
    let payload = segment.payload().to_vec();
    if !payload.is_empty() {
        let name = match payload[0] {
            b'A'..=b'Z' => "HTTP",
            b'x' => "times 78",
            _ => "WebSocket",
        };
        expected.push((name, payload.len()));
    }
    compare(&layers, &expected, bytes.len())?;
    Ok(Some(Segment {
        is_syn: segment.syn(),
        is_fin: segment.fin(),
        number: segment.seq_number(),
        acknowledged: segment.ack().then(|| segment.ack_number()),
        payload,
    }))
}

/// What is left of a frame is what fills it up.
fn compare(
    layers: &[(String, usize)],
    expected: &[(&str, usize)],
    frame_len: usize,
) -> Result<(), String> {
    let mut expected = expected.to_vec();
    let sum: usize = expected.iter().map(|(_, len)| len).sum();
    if frame_len > sum {
        expected.push(("padding", frame_len - sum));
    }
    let are_same = layers.len() == expected.len()
        && layers
            .iter()
            .zip(&expected)
            .all(|(a, b)| (a.0.as_str(), a.1) == *b);
    are_same
        .then_some(())
        .ok_or_else(|| format!("{layers:?} is {expected:?}"))
}

type Layers = Vec<(String, usize)>;

/// The bytes of a block, and how many there are of each layer. In each line they stand in hexadecimal,
/// and behind two spaces what they are.
fn parse(block: &Block<'_>) -> Result<(Vec<u8>, Layers), String> {
    let (mut bytes, mut layers): (Vec<u8>, Layers) = (Vec::new(), Vec::new());
    // What the last layer says of its length, and where it begins.
    let (mut said, mut start) = (0, 0);
    // The bytes and the words of what may go on in the next line.
    let mut field: (Vec<u8>, &str) = (Vec::new(), "");
    for line in block.lines.iter().chain(&["-- "]) {
        let (digits, words) = line.split_once("  ").unwrap_or((line, ""));
        let (digits, words) = (digits.trim(), words.trim());
        if words != "..." {
            check(&field.0, field.1).map_err(|why| format!("{}: {why}", field.1))?;
            field = (Vec::new(), words);
        }
        let Some(layer) = line.strip_prefix("--") else {
            for digits in digits.split(' ') {
                let byte =
                    u8::from_str_radix(digits, 16).map_err(|_| format!("no byte: {line}"))?;
                bytes.push(byte);
                field.0.push(byte);
            }
            continue;
        };
        if bytes.len() - start != said {
            return Err(format!("{} bytes before \"{line}\"", bytes.len() - start));
        }
        start = bytes.len();
        let layer = layer.trim();
        if let Some(count) = layer.strip_suffix(" times 78") {
            said = count.parse().map_err(|_| "a number")?;
            bytes.extend(vec![0x78; said]);
            layers.push(("times 78".into(), said));
        } else if let Some((name, len)) = layer.split_once(", ") {
            let len = len.strip_suffix(" bytes").ok_or("bytes")?;
            said = len.parse().map_err(|_| "a number")?;
            layers.push((name.into(), said));
        }
    }
    Ok((bytes, layers))
}

/// What is said of a field: its value behind `=`, an address, or its text.
fn check(bytes: &[u8], words: &str) -> Result<(), String> {
    let number = |text: &str| {
        let digits = text.split([' ', ';']).next().unwrap_or_default();
        digits.replace(',', "").parse::<u64>().ok()
    };
    let value = bytes
        .iter()
        .fold(0, |sum: u64, byte| sum << 8 | u64::from(*byte));
    if let Some((_, said)) = words.split_once(" = ") {
        return match number(said.trim_end_matches(',')) {
            Some(said) if said == value => Ok(()),
            _ => Err(format!("is {value}")),
        };
    }
    if bytes.len() == 4 && words.split('.').count() == 4 {
        let said = words.rsplit(' ').next().unwrap_or_default();
        let dotted = bytes
            .iter()
            .map(u8::to_string)
            .collect::<Vec<_>>()
            .join(".");
        return (said == dotted).then_some(()).ok_or(dotted);
    }
    if bytes.len() > 2 && bytes.iter().all(u8::is_ascii) && bytes.ends_with(b"\n") {
        let text = String::from_utf8_lossy(bytes);
        let text = text.replace('\r', "\\r").replace('\n', "\\n");
        return (text == words).then_some(()).ok_or(text);
    }
    Ok(())
}
