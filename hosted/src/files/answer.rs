//! Answers with a file, and the parts of it that are still to be sent.

use std::rc::Rc;
use std::vec::IntoIter;

use kinglet_core::field;
use kinglet_core::http::values::conditional::Evaluation;
use kinglet_core::http::values::range::ByteRange;
use kinglet_core::http::{Field, FieldBuf, Handled, Length, Reply, Status, Stream};

use super::asked::Asked;
use super::body::{self, OpenFile, Sent};
use super::entry::{Coding, Content, Resource, Variant};
use super::ranges::{self, Part, Parts};
use super::refusal::{PLAIN, Refusal};

/// What an exchange remembers of a file that is being sent.
///
/// One for each exchange, in the application's `Exchange`. It is as large as a pointer, and empty unless
/// a file is on its way that is not held in memory.
#[derive(Debug, Default)]
pub struct FileExchange(Option<Box<Sending>>);

/// What is still to be sent.
#[derive(Debug)]
struct Sending {
    file: Rc<OpenFile>,
    /// What goes first.
    text: Vec<u8>,
    // text_sent <= text.len()
    text_sent: usize,
    /// The range behind it.
    offset: u64,
    left: u64,
    /// And then these.
    rest: IntoIter<(Vec<u8>, ByteRange)>,
}

/// What every answer with a file needs to know.
#[derive(Debug)]
pub(super) struct Manner {
    pub(super) max_ranges: usize,
    pub(super) cache_control: Option<FieldBuf<MAX_CACHE_CONTROL_LEN>>,
}

/// Field lines in the order in which they are sent.
struct Lines<'a> {
    fields: [Field<'a>; MAX_LINES],
    // len <= MAX_LINES
    len: usize,
}

impl<'a> Lines<'a> {
    const fn new() -> Self {
        Self {
            fields: [ACCEPT_RANGES; MAX_LINES],
            len: 0,
        }
    }

    #[inline]
    fn push(&mut self, field: Field<'a>) {
        if let Some(place) = self.fields.get_mut(self.len) {
            *place = field;
            self.len += 1;
        }
    }

    fn extend(&mut self, fields: impl IntoIterator<Item = Field<'a>>) {
        fields.into_iter().for_each(|field| self.push(field));
    }

    fn as_slice(&self) -> &[Field<'a>] {
        self.fields.get(..self.len).unwrap_or_default()
    }
}

/// The longest line of Cache-Control.
pub(super) const MAX_CACHE_CONTROL_LEN: usize = 256;

/// The most field lines that an answer with a file has.
const MAX_LINES: usize = 10;

const ACCEPT_RANGES: Field<'static> = field!("Accept-Ranges", "bytes");
// A browser is to take the media type as it is declared.
const NO_SNIFFING: Field<'static> = field!("X-Content-Type-Options", "nosniff");
pub(super) const VARY: Field<'static> = field!("Vary", "Accept-Encoding");

impl Coding {
    const fn field(self) -> Field<'static> {
        match self {
            Self::Brotli => field!("Content-Encoding", "br"),
            Self::Zstd => field!("Content-Encoding", "zstd"),
            Self::Gzip => field!("Content-Encoding", "gzip"),
        }
    }
}

/// Answers GET or HEAD with the variant of a file that suits the request.
pub(super) fn file(
    resource: &Resource,
    asked: &Asked<'_>,
    manner: &Manner,
    exchange: &mut FileExchange,
    reply: Reply<'_>,
) -> Handled {
    let (coding, variant) = asked.select(resource);
    let mut lines = Lines::new();
    lines.extend(variant.tag());
    lines.extend(variant.modified());
    lines.extend(manner.cache_control.as_ref().map(FieldBuf::as_field));
    if !resource.compressed.is_empty() {
        lines.push(VARY);
    }
    match asked.evaluate(variant) {
        Evaluation::Proceed => {}
        Evaluation::NotModified => {
            return reply.send(Status::NOT_MODIFIED, lines.as_slice(), b"");
        }
        Evaluation::PreconditionFailed => {
            return reply.send(Status::PRECONDITION_FAILED, &[PLAIN], b"it has changed\n");
        }
    }
    let len = variant.len();
    let part = match asked.range(variant) {
        Some(value) => ranges::requested(value, len, manner.max_ranges),
        None => Part::Whole,
    };
    if manner.max_ranges > 0 {
        lines.push(ACCEPT_RANGES);
    }
    lines.push(NO_SNIFFING);
    lines.extend(coding.map(Coding::field));
    let media_type = resource.media_type.as_ref().map(FieldBuf::as_field);
    match part {
        Part::Whole => {
            lines.extend(media_type);
            let whole = ByteRange::new(0, len);
            one(variant, whole, Status::OK, &lines, asked, exchange, reply)
        }
        Part::One(range) => {
            let value = ranges::content_range(range, len);
            lines.extend(media_type);
            lines.extend(Field::new("Content-Range", &value));
            let status = Status::PARTIAL_CONTENT;
            one(variant, range, status, &lines, asked, exchange, reply)
        }
        Part::Many(ranges) => many(resource, variant, &ranges, &lines, exchange, reply),
        Part::None(unsatisfiable) => {
            let value = ranges::unsatisfied(unsatisfiable);
            let mut lines = Lines::new();
            lines.push(PLAIN);
            lines.extend(Field::new("Content-Range", &value));
            let text = b"no such range\n";
            reply.send(Status::RANGE_NOT_SATISFIABLE, lines.as_slice(), text)
        }
    }
}

/// Answers with one range, which may be all there is.
fn one(
    variant: &Variant,
    range: ByteRange,
    status: Status,
    lines: &Lines<'_>,
    asked: &Asked<'_>,
    exchange: &mut FileExchange,
    reply: Reply<'_>,
) -> Handled {
    match &variant.content {
        Content::Held(bytes) => reply.send(status, lines.as_slice(), ranges::slice(bytes, range)),
        Content::Open(file) => {
            if asked.is_get {
                exchange.0 = Some(Box::new(Sending {
                    file: Rc::clone(file),
                    text: Vec::new(),
                    text_sent: 0,
                    offset: range.start,
                    left: range.len,
                    rest: Vec::new().into_iter(),
                }));
            }
            reply.start(status, lines.as_slice(), Length::Exact(range.len))
        }
    }
}

/// Answers with several ranges, each a part (RFC 9110 §15.3.7.2).
fn many(
    resource: &Resource,
    variant: &Variant,
    ranges: &[ByteRange],
    before: &Lines<'_>,
    exchange: &mut FileExchange,
    reply: Reply<'_>,
) -> Handled {
    // Nobody can have put into a file what is drawn now.
    let mut random = [0; 16];
    if getrandom::fill(&mut random).is_err() {
        return Refusal::Failed.answer(reply);
    }
    let boundary = format!("{:032x}", u128::from_be_bytes(random));
    let of_part = resource.media_type.as_ref().map(FieldBuf::as_field);
    let of_part = of_part.map_or(&b""[..], |field| field.value());
    let parts = Parts::new(ranges, variant.len(), of_part, &boundary);
    let media_type = format!("multipart/byteranges; boundary={boundary}");
    let mut lines = Lines::new();
    lines.extend(before.as_slice().iter().copied());
    lines.extend(Field::new("Content-Type", media_type.as_bytes()));
    let status = Status::PARTIAL_CONTENT;
    match &variant.content {
        Content::Held(bytes) => reply.send(status, lines.as_slice(), &parts.concat(bytes)),
        Content::Open(file) => {
            let len = parts.len();
            let Parts { mut parts, end } = parts;
            parts.push((end, ByteRange::new(0, 0)));
            exchange.0 = Some(Box::new(Sending {
                file: Rc::clone(file),
                text: Vec::new(),
                text_sent: 0,
                offset: 0,
                left: 0,
                rest: parts.into_iter(),
            }));
            reply.start(status, lines.as_slice(), Length::Exact(len))
        }
    }
}

/// Goes on with an answer.
pub(super) fn stream(exchange: &mut FileExchange, mut stream: Stream<'_>) -> Handled {
    let Some(sending) = &mut exchange.0 else {
        return stream.abort();
    };
    // What a client sends with a GET means nothing (RFC 9110 §9.3.1).
    stream.consume(usize::MAX);
    loop {
        let text = sending.text.get(sending.text_sent..).unwrap_or_default();
        if !text.is_empty() {
            let sent = stream.write(text);
            if sent == 0 {
                return stream.more();
            }
            sending.text_sent += sent;
        } else if sending.left > 0 {
            if stream.room() == 0 {
                return stream.more();
            }
            let Sending {
                file, offset, left, ..
            } = &mut **sending;
            match body::send(&mut stream, file, offset, left) {
                Sent::Changed => return stream.abort(),
                Sent::Piece if *left > 0 => return stream.more(),
                Sent::Piece => {}
            }
        } else if let Some((text, range)) = sending.rest.next() {
            sending.text = text;
            sending.text_sent = 0;
            sending.offset = range.start;
            sending.left = range.len;
        } else {
            return stream.finish();
        }
    }
}
