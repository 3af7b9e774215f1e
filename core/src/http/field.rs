//! Field lines and field sections (RFC 9110 §5, RFC 9112 §5).
//!
//! A received section is validated once ([`section`](super::section)) and then read lazily: [`Fields`]
//! walks the bytes where they lie, and nothing is built. A [`Field`] is a line of our own to be sent,
//! checked when it is made, so that no value can split a head and none can contradict the framing.

use core::fmt;

#[cfg(feature = "middleware")]
use super::emit;
use crate::scan;
use crate::syntax::list;
use crate::syntax::token::{is_tchar, trim_ows};
use crate::window::Writer;

/// A field line that was received: a name and a value, without the white space around it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct FieldLine<'a> {
    name: &'a [u8],
    value: &'a [u8],
}

impl<'a> FieldLine<'a> {
    /// The field name as it was sent: a token, case-insensitive.
    #[must_use]
    pub fn name(&self) -> &'a str {
        core::str::from_utf8(self.name).unwrap_or_default()
    }

    /// The field line value: HTAB, SP, visible ASCII, and bytes from 0x80 (RFC 9110 §5.5).
    #[must_use]
    pub const fn value(&self) -> &'a [u8] {
        self.value
    }

    /// Whether the name is `name`, whatever its case.
    #[must_use]
    pub const fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name.as_bytes())
    }
}

impl fmt::Debug for FieldLine<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.name(), self.value.escape_ascii())
    }
}

/// The field lines of a section, in the order they were sent.
///
/// Cloning starts a second walk; nothing is copied.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Fields<'a> {
    /// Validated lines, each with its CRLF; the empty line that ends the section may follow.
    bytes: &'a [u8],
}

impl<'a> Fields<'a> {
    /// Over bytes that [`SectionScan`](super::section::SectionScan) has passed. On others the walk
    /// ends early; it never fails.
    pub(crate) const fn over(bytes: &'a [u8]) -> Self {
        Self { bytes }
    }

    /// The value of the first line with this name, whatever the case.
    #[must_use]
    pub fn value(self, name: &str) -> Option<&'a [u8]> {
        self.values(name).next()
    }

    /// The values of all lines with this name, in order. Their combination (RFC 9110 §5.3) is what
    /// [`list`](Self::list) reads.
    pub fn values<'n>(mut self, name: &'n str) -> impl Iterator<Item = &'a [u8]> + use<'a, 'n> {
        core::iter::from_fn(move || self.find(|line| line.is(name)).map(|line| line.value))
    }

    /// The elements of the combined field value of all lines with this name, read as a
    /// comma-separated list (RFC 9110 §5.6.1). Empty elements are left out.
    pub fn list<'n>(self, name: &'n str) -> impl Iterator<Item = &'a [u8]> + use<'a, 'n> {
        let mut values = self.values(name);
        let mut elements = list::elements(b"");
        // `flat_map` says the same in three times the code: it has its own loop for whatever follows it.
        core::iter::from_fn(move || {
            loop {
                if let Some(element) = elements.next() {
                    return Some(element);
                }
                elements = list::elements(values.next()?);
            }
        })
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = FieldLine<'a>;

    fn next(&mut self) -> Option<FieldLine<'a>> {
        let end = scan::find(b'\r', self.bytes, 0);
        let (line, rest) = self.bytes.split_at_checked(end)?;
        let colon = scan::find(b':', line, 0);
        let (name, value) = line.split_at_checked(colon)?;
        let (_, value) = value.split_first()?;
        self.bytes = rest.get(2..).unwrap_or_default();
        Some(FieldLine {
            name,
            value: trim_ows(value),
        })
    }
}

impl fmt::Debug for Fields<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(*self).finish()
    }
}

/// A field line to be sent.
///
/// Lines that the engine writes itself cannot be made: those that say where a message ends or
/// whether the connection persists, and `Date` and `Server`, which are the
/// [`Stamp`](crate::Stamp)'s.
///
/// ```
/// use kinglet_core::{field, http::{Field, FieldError}};
///
/// const PLAIN: Field<'_> = field!("Content-Type", "text/plain"); // checked when compiled
/// let path = String::from("/moved\r\nSet-Cookie: a=b");
/// assert_eq!(Field::new("Location", path.as_bytes()), Err(FieldError::InvalidValue));
/// assert_eq!(Field::new("Content-Length", b"7"), Err(FieldError::Reserved));
/// # let _ = PLAIN;
/// ```
#[derive(Clone, Copy)]
pub struct Field<'a> {
    name: &'a str,
    value: &'a [u8],
    /// All of it, written out with its CRLF, where it was made of that.
    line: Option<&'a [u8]>,
}

/// Field lines that go into an answer behind its own: a list whose parts lie on the stack of whoever
/// adds them. Without the feature `middleware` nobody does, and it takes no memory.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Added<'a> {
    #[cfg(feature = "middleware")]
    last: Option<&'a More<'a>>,
    #[cfg(not(feature = "middleware"))]
    none: core::marker::PhantomData<&'a ()>,
}

#[cfg(not(feature = "middleware"))]
impl Added<'_> {
    pub(crate) const NONE: Self = Self {
        none: core::marker::PhantomData,
    };

    #[inline]
    pub(crate) const fn is_none(self) -> bool {
        true
    }

    #[inline]
    pub(crate) const fn is_relayed(self) -> bool {
        false
    }

    #[inline]
    pub(crate) const fn put(self, _: &mut Writer<'_>, _: &[Field<'_>]) {}
}

/// One part of that list, which knows those that were added before.
#[cfg(feature = "middleware")]
#[derive(Debug)]
pub(crate) struct More<'a> {
    pub(crate) rule: Rule,
    pub(crate) fields: &'a [Field<'a>],
    pub(crate) before: Added<'a>,
}

/// Which of its lines are put.
#[cfg(feature = "middleware")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rule {
    Always,
    /// Those whose name is none of the answer's own.
    Default,
    /// None: the answer is another server's, and has its `Date` and `Server`.
    Relayed,
}

#[cfg(feature = "middleware")]
impl<'a> Added<'a> {
    pub(crate) const NONE: Self = Self { last: None };

    /// Whether the answer is another server's.
    pub(crate) fn is_relayed(self) -> bool {
        let mut next = self.last;
        while let Some(more) = next {
            if more.rule == Rule::Relayed {
                return true;
            }
            next = more.before.last;
        }
        false
    }

    pub(crate) const fn of(last: &'a More<'a>) -> Self {
        Self { last: Some(last) }
    }

    #[inline]
    pub(crate) const fn is_none(self) -> bool {
        self.last.is_none()
    }

    /// Puts the lines behind those of an answer, which has `own`.
    #[inline]
    pub(crate) fn put(self, writer: &mut Writer<'_>, own: &[Field<'_>]) {
        if let Some(last) = self.last {
            last.put(writer, own);
        }
    }
}

#[cfg(feature = "middleware")]
impl More<'_> {
    #[inline(never)]
    fn put(&self, writer: &mut Writer<'_>, own: &[Field<'_>]) {
        let mut next = Some(self);
        while let Some(more) = next {
            for field in more.fields {
                let is_own = |other: &Field<'_>| other.name.eq_ignore_ascii_case(field.name);
                if more.rule == Rule::Always || !own.iter().any(is_own) {
                    emit::line(writer, field);
                }
            }
            next = more.before.last;
        }
    }
}

/// Why a [`Field`] cannot be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FieldError {
    /// The name is empty or no token (RFC 9110 §5.1).
    InvalidName,
    /// The value has a byte other than HTAB, SP, visible ASCII and those from 0x80, or white space
    /// at its start or end (RFC 9110 §5.5).
    InvalidValue,
    /// The engine writes this field itself.
    Reserved,
}

impl<'a> Field<'a> {
    /// A field line with this name and value.
    ///
    /// # Errors
    ///
    /// A [`FieldError`] that says which part cannot be sent. In constant code, [`field!`](crate::field)
    /// makes it an error of the compiler.
    pub const fn new(name: &'a str, value: &'a [u8]) -> Result<Self, FieldError> {
        if name.is_empty() || !is_token(name.as_bytes()) {
            return Err(FieldError::InvalidName);
        }
        if is_reserved(name) {
            return Err(FieldError::Reserved);
        }
        if trim_ows(value).len() != value.len() || !is_value(value) {
            return Err(FieldError::InvalidValue);
        }
        Ok(Self::of_ours(name, value))
    }

    /// A field line of the engine's own, whose name and value are known to be what can be sent.
    pub(crate) const fn of_ours(name: &'a str, value: &'a [u8]) -> Self {
        Self {
            name,
            value,
            line: None,
        }
    }

    /// The field line that is written out in `line`: name, `: `, value and CRLF. It is sent with one
    /// copy. [`field!`](crate::field) makes this of constants.
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new); a line of another form has no name or no value that can be sent.
    pub const fn from_line(line: &'a [u8]) -> Result<Self, FieldError> {
        let mut len = 0_usize;
        let (name, rest) = loop {
            match line.split_at_checked(len) {
                Some((name, rest @ [b':', ..])) => break (name, rest),
                Some(_) => len = len.wrapping_add(1),
                None => return Err(FieldError::InvalidName),
            }
        };
        let Ok(name) = core::str::from_utf8(name) else {
            return Err(FieldError::InvalidName);
        };
        let [b':', b' ', value @ .., b'\r', b'\n'] = rest else {
            return Err(FieldError::InvalidValue);
        };
        match Self::new(name, value) {
            Ok(field) => Ok(Self {
                line: Some(line),
                ..field
            }),
            Err(error) => Err(error),
        }
    }

    /// A field line that has come, to be sent on as it is; none where it speaks of the message's end or
    /// of its connection, which are written anew. `Date` and `Server` are their origin's, and stay
    /// (RFC 9110 §6.6.1).
    #[must_use]
    pub fn of_line(line: FieldLine<'a>) -> Option<Self> {
        let name = line.name();
        let is_origins = name.eq_ignore_ascii_case("Date") || name.eq_ignore_ascii_case("Server");
        (is_origins || !is_reserved(name)).then(|| Self {
            name,
            value: line.value(),
            line: None,
        })
    }

    /// The field name.
    #[must_use]
    pub const fn name(&self) -> &'a str {
        self.name
    }

    /// The field line value.
    #[must_use]
    pub const fn value(&self) -> &'a [u8] {
        self.value
    }

    /// All of it with its CRLF, where it is there in one piece.
    pub(crate) const fn line(&self) -> Option<&'a [u8]> {
        self.line
    }
}

impl PartialEq for Field<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name && self.value == other.value
    }
}

impl Eq for Field<'_> {}

impl fmt::Debug for Field<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.name, self.value.escape_ascii())
    }
}

/// `name: value` and CRLF, for [`field!`](crate::field), which knows how long that is.
#[doc(hidden)]
#[must_use]
pub const fn field_line<const LEN: usize>(name: &str, value: &str) -> [u8; LEN] {
    let parts = [name.as_bytes(), b": ", value.as_bytes(), b"\r\n"];
    let mut parts = parts.as_slice();
    let mut line = [0; LEN];
    let mut rest = line.as_mut_slice();
    while let [part, behind @ ..] = parts {
        let Some((to, room)) = rest.split_at_mut_checked(part.len()) else {
            break;
        };
        to.copy_from_slice(part);
        (parts, rest) = (behind, room);
    }
    line
}

/// A [`Field`](crate::http::Field) of constant name and value, checked by the compiler.
///
/// ```compile_fail
/// use kinglet_core::field;
///
/// const SPLIT: kinglet_core::http::Field<'_> = field!("Location", "/\r\nSet-Cookie: a=b");
/// # let _ = SPLIT;
/// ```
#[macro_export]
macro_rules! field {
    ($name:expr, $value:expr) => {
        const {
            const LINE: &[u8] =
                &$crate::http::field_line::<{ $name.len() + $value.len() + 4 }>($name, $value);
            match $crate::http::Field::from_line(LINE) {
                Ok(field) => field,
                Err($crate::http::FieldError::Reserved) => {
                    panic!("the engine writes this field itself")
                }
                Err($crate::http::FieldError::InvalidName) => {
                    panic!("a field name must be a token")
                }
                Err(_) => panic!("a field value must have no control characters and be trimmed"),
            }
        }
    };
}

/// A [`Field`] that owns its bytes: one that is made while the program runs, and sent often.
///
/// It is checked once, and written with one copy. `N` is the most that its line has, with `: ` and CRLF.
///
/// ```
/// use kinglet_core::http::FieldBuf;
///
/// let tag = FieldBuf::<32>::new("ETag", b"\"v1\"").unwrap();
/// assert_eq!(tag.as_field().value(), b"\"v1\"");
/// assert!(FieldBuf::<32>::new("ETag", b"\r\n").is_none());
/// ```
#[derive(Clone, Copy)]
pub struct FieldBuf<const N: usize> {
    name: &'static str,
    // A line: the name, `: `, the value, CRLF.
    line: [u8; N],
    // name.len() + 4 <= len <= N
    len: usize,
}

impl<const N: usize> FieldBuf<N> {
    /// The field line with this name and value; none where it cannot be [sent](Field::new), or is longer
    /// than `N`.
    #[must_use]
    pub fn new(name: &'static str, value: &[u8]) -> Option<Self> {
        Field::new(name, value).ok()?;
        let mut line = [0; N];
        let mut writer = Writer::new(&mut line);
        writer.put(name.as_bytes()).put_array(b": ");
        let len = writer.put(value).put_array(b"\r\n").len()?;
        Some(Self { name, line, len })
    }

    /// The field, to be sent.
    #[must_use]
    #[inline]
    pub fn as_field(&self) -> Field<'_> {
        let line = self.line.get(..self.len).unwrap_or_default();
        let start = self.name.len().saturating_add(2);
        let end = self.len.saturating_sub(2);
        Field {
            name: self.name,
            value: line.get(start..end).unwrap_or_default(),
            line: Some(line),
        }
    }
}

impl<const N: usize> fmt::Debug for FieldBuf<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_field().fmt(f)
    }
}

impl fmt::Display for FieldError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::InvalidName => "a field name must be a token",
            Self::InvalidValue => "a field value must have no control characters and be trimmed",
            Self::Reserved => "the engine writes this field itself",
        })
    }
}

impl core::error::Error for FieldError {}

/// Fields that are the engine's to write.
const fn is_reserved(name: &str) -> bool {
    const RESERVED: [&str; 6] = [
        "Content-Length",
        "Transfer-Encoding",
        "Connection",
        "Keep-Alive",
        "Date",
        "Server",
    ];
    let mut rest = RESERVED.as_slice();
    while let [first, others @ ..] = rest {
        if first.eq_ignore_ascii_case(name) {
            return true;
        }
        rest = others;
    }
    false
}

const fn is_token(mut bytes: &[u8]) -> bool {
    while let [first, rest @ ..] = bytes {
        if !is_tchar(*first) {
            return false;
        }
        bytes = rest;
    }
    true
}

const fn is_value(mut bytes: &[u8]) -> bool {
    while let [first, rest @ ..] = bytes {
        if !matches!(first, b'\t' | 0x20..=0x7e | 0x80..=0xff) {
            return false;
        }
        bytes = rest;
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_that_owns_its_bytes_is_the_field_that_was_checked() {
        let field = FieldBuf::<16>::new("ETag", b"\"12345\"").unwrap();
        assert_eq!(field.as_field(), Field::new("ETag", b"\"12345\"").unwrap());
        assert_eq!(field.as_field().line(), Some(&b"ETag: \"12345\"\r\n"[..]));
        let empty = FieldBuf::<16>::new("ETag", b"").unwrap();
        assert_eq!(empty.as_field().line(), Some(&b"ETag: \r\n"[..]));
        for (name, value) in [
            ("ETag", &b"\"1234567\""[..]),
            ("ETag", b"a\r\nb"),
            ("ETag", b" a"),
            ("E Tag", b"a"),
            ("Date", b"a"),
        ] {
            assert!(FieldBuf::<16>::new(name, value).is_none(), "{name}");
        }
    }

    #[test]
    fn a_whole_line_is_the_field_of_its_parts_or_none() {
        let field = Field::from_line(b"Allow: GET\r\n").unwrap();
        assert_eq!(Ok(field), Field::new("Allow", b"GET"));
        assert_eq!(field.line(), Some(b"Allow: GET\r\n".as_slice()));
        assert_eq!(crate::field!("Allow", "GET").line(), field.line());
        let rows: [(&[u8], _); 9] = [
            (b"", FieldError::InvalidName),
            (b"Allow", FieldError::InvalidName),
            (b": GET\r\n", FieldError::InvalidName),
            (b"All ow: GET\r\n", FieldError::InvalidName),
            (b"Allow:GET\r\n", FieldError::InvalidValue),
            (b"Allow:  GET\r\n", FieldError::InvalidValue),
            (b"Allow: GET", FieldError::InvalidValue),
            (b"Allow: GET\r\nA: b\r\n", FieldError::InvalidValue),
            (b"Content-Length: 1\r\n", FieldError::Reserved),
        ];
        for (line, error) in rows {
            assert_eq!(
                Field::from_line(line),
                Err(error),
                "{}",
                line.escape_ascii()
            );
        }
    }

    #[test]
    fn walks_validated_lines() {
        let fields =
            Fields::over(b"Host: a\r\nAccept:text/html , */*\r\naccept: \t x \r\nE:\r\n\r\n");
        let lines: [(&str, &[u8]); 4] = [
            ("Host", b"a"),
            ("Accept", b"text/html , */*"),
            ("accept", b"x"),
            ("E", b""),
        ];
        assert!(fields.map(|line| (line.name(), line.value())).eq(lines));
        assert_eq!(fields.value("ACCEPT"), Some(b"text/html , */*".as_slice()));
        assert_eq!(fields.value("Accep"), None);
        assert!(
            fields
                .list("accept")
                .eq([b"text/html".as_slice(), b"*/*", b"x"])
        );
    }

    #[test]
    fn only_whole_fields_can_be_sent() {
        use FieldError::{InvalidName, InvalidValue, Reserved};
        let rows: [(&str, &[u8], Option<FieldError>); 13] = [
            ("X-Any", b"value with \t and \xff", None),
            ("X-Empty", b"", None),
            ("", b"a", Some(InvalidName)),
            ("A B", b"a", Some(InvalidName)),
            ("A:", b"a", Some(InvalidName)),
            ("\u{e9}", b"a", Some(InvalidName)),
            ("A", b"a\r\nB: c", Some(InvalidValue)),
            ("A", b"a\0", Some(InvalidValue)),
            ("A", b" a", Some(InvalidValue)),
            ("A", b"a\t", Some(InvalidValue)),
            ("content-length", b"1", Some(Reserved)),
            ("Transfer-encoding", b"chunked", Some(Reserved)),
            ("CONNECTION", b"close", Some(Reserved)),
        ];
        for (name, value, error) in rows {
            assert_eq!(
                Field::new(name, value).err(),
                error,
                "{name}: {}",
                value.escape_ascii()
            );
        }
    }
}
