//! What can go wrong with a message, whose fault it is, and the status code that says so.
//!
//! The type tells the fault: the peer broke a rule of the protocol ([`SyntaxError`]), reached one of
//! our [`Limits`](crate::Limits) ([`LimitError`]), or took too long ([`TimeoutError`]). One function,
//! [`Error::status`], turns any of them into the answer.

use core::fmt;

use super::Status;

/// Why a connection failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// The peer broke a rule of the protocol.
    Syntax(SyntaxError),
    /// The peer reached a bound.
    Limit(LimitError),
    /// The peer was too slow.
    Timeout(TimeoutError),
}

/// A rule of RFC 9110 or RFC 9112 that the peer broke.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SyntaxError {
    /// CR without LF (RFC 9112 §2.2).
    BareCr,
    /// LF without CR; we refuse what RFC 9112 §2.2 lets a recipient recover from.
    BareLf,
    /// The method is empty or no token (RFC 9110 §9.1).
    InvalidMethod,
    /// The request target has none of the four forms, or not the one its method asks for
    /// (RFC 9112 §3.2).
    InvalidTarget,
    /// No `HTTP-version` where one belongs (RFC 9112 §2.3).
    InvalidVersion,
    /// A major version other than 1 (RFC 9110 §2.5).
    UnsupportedVersion,
    /// The status code is not three digits, or no SP follows it (RFC 9112 §4).
    InvalidStatus,
    /// The reason phrase has a control character (RFC 9112 §4).
    InvalidReason,
    /// A field line without a name, or without a colon (RFC 9112 §5).
    MissingFieldName,
    /// A byte in a field name that is not of a token (RFC 9110 §5.1).
    InvalidFieldName,
    /// White space between field name and colon (RFC 9112 §5.1).
    SpaceBeforeColon,
    /// A control character in a field value (RFC 9110 §5.5).
    InvalidFieldValue,
    /// White space at the start of a line: obs-fold (RFC 9112 §5.2), or before the first field line
    /// (RFC 9112 §2.2).
    LeadingSpace,
    /// HTTP/1.1 without `Host` (RFC 9112 §3.2).
    MissingHost,
    /// `Host` more than once (RFC 9112 §3.2).
    DuplicateHost,
    /// A `Host` value that is no `uri-host [ ":" port ]` (RFC 9110 §7.2).
    InvalidHost,
    /// A `Content-Length` that is no decimal number, is over 2⁶⁴ - 1, or differs from another
    /// (RFC 9112 §6.3).
    InvalidContentLength,
    /// `Content-Length` beside `Transfer-Encoding`; we refuse what RFC 9112 §6.1 lets a server
    /// process.
    LengthAndTransferCoding,
    /// `Transfer-Encoding` in HTTP/1.0 (RFC 9112 §6.1).
    TransferCodingInHttp10,
    /// `chunked` is not the final transfer coding, or is applied twice (RFC 9112 §6.1, §6.3).
    ChunkedNotFinal,
    /// A transfer coding that we do not know (RFC 9112 §6.1).
    UnknownTransferCoding,
    /// An expectation other than `100-continue` (RFC 9110 §10.1.1).
    UnknownExpectation,
    /// A chunk size that is no hexadecimal number or is over 2⁶⁴ - 1 (RFC 9112 §7.1).
    InvalidChunkSize,
    /// What follows the chunk size is no chunk extension (RFC 9112 §7.1.1).
    InvalidChunkExtension,
    /// No CRLF after the chunk's data (RFC 9112 §7.1).
    MissingChunkEnd,
    /// The connection closed before the content was whole (RFC 9112 §8).
    Truncated,
}

/// A bound that the peer reached. See [`Limits`](crate::Limits).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LimitError {
    /// `max_head_len`.
    HeadTooLarge,
    /// `max_target_len`.
    TargetTooLong,
    /// `max_field_lines`.
    TooManyFieldLines,
    /// `max_content_len`, or the bound that the application named.
    ContentTooLarge,
    /// `max_chunk_extensions_len`.
    ChunkExtensionsTooLong,
    /// `max_trailers_len`.
    TrailersTooLarge,
}

/// A deadline that passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TimeoutError {
    /// `head_timeout`.
    Head,
    /// `min_receive_rate`.
    Content,
    /// `min_send_rate`.
    Send,
}

impl Error {
    /// The status code that tells the peer, or `None` where nothing can be answered.
    #[must_use]
    pub const fn status(self) -> Option<Status> {
        match self {
            Self::Syntax(error) => match error {
                SyntaxError::BareCr
                | SyntaxError::BareLf
                | SyntaxError::InvalidMethod
                | SyntaxError::InvalidTarget
                | SyntaxError::InvalidVersion
                | SyntaxError::InvalidStatus
                | SyntaxError::InvalidReason
                | SyntaxError::MissingFieldName
                | SyntaxError::InvalidFieldName
                | SyntaxError::SpaceBeforeColon
                | SyntaxError::InvalidFieldValue
                | SyntaxError::LeadingSpace
                | SyntaxError::MissingHost
                | SyntaxError::DuplicateHost
                | SyntaxError::InvalidHost
                | SyntaxError::InvalidContentLength
                | SyntaxError::LengthAndTransferCoding
                | SyntaxError::TransferCodingInHttp10
                | SyntaxError::ChunkedNotFinal
                | SyntaxError::InvalidChunkSize
                | SyntaxError::InvalidChunkExtension
                | SyntaxError::MissingChunkEnd => Some(Status::BAD_REQUEST),
                SyntaxError::UnsupportedVersion => Some(Status::HTTP_VERSION_NOT_SUPPORTED),
                SyntaxError::UnknownTransferCoding => Some(Status::NOT_IMPLEMENTED),
                SyntaxError::UnknownExpectation => Some(Status::EXPECTATION_FAILED),
                SyntaxError::Truncated => None,
            },
            Self::Limit(error) => Some(match error {
                LimitError::HeadTooLarge
                | LimitError::TooManyFieldLines
                | LimitError::TrailersTooLarge => Status::REQUEST_HEADER_FIELDS_TOO_LARGE,
                LimitError::TargetTooLong => Status::URI_TOO_LONG,
                LimitError::ContentTooLarge | LimitError::ChunkExtensionsTooLong => {
                    Status::CONTENT_TOO_LARGE
                }
            }),
            Self::Timeout(error) => match error {
                TimeoutError::Head | TimeoutError::Content => Some(Status::REQUEST_TIMEOUT),
                TimeoutError::Send => None,
            },
        }
    }

    /// What was expected, in a few words.
    #[must_use]
    pub const fn reason(self) -> &'static str {
        match self {
            Self::Syntax(error) => error.reason(),
            Self::Limit(error) => error.reason(),
            Self::Timeout(error) => error.reason(),
        }
    }
}

impl SyntaxError {
    const fn reason(self) -> &'static str {
        match self {
            Self::BareCr => "CR must be followed by LF",
            Self::BareLf => "LF must follow CR",
            Self::InvalidMethod => "the method must be a token",
            Self::InvalidTarget => "the request target must have a form that its method allows",
            Self::InvalidVersion => "the version must be HTTP/1.0 or HTTP/1.1",
            Self::UnsupportedVersion => "the major version must be 1",
            Self::InvalidStatus => "the status code must be three digits and a space",
            Self::InvalidReason => "the reason phrase must be printable",
            Self::MissingFieldName => "a field line must have a name and a colon",
            Self::InvalidFieldName => "a field name must be a token",
            Self::SpaceBeforeColon => "no space may stand before the colon",
            Self::InvalidFieldValue => "a field value must have no control characters",
            Self::LeadingSpace => "a field line must not begin with white space",
            Self::MissingHost => "a request must have a Host",
            Self::DuplicateHost => "a request must have one Host",
            Self::InvalidHost => "Host must be a host and an optional port",
            Self::InvalidContentLength => "Content-Length must be one decimal number",
            Self::LengthAndTransferCoding => {
                "Content-Length and Transfer-Encoding exclude each other"
            }
            Self::TransferCodingInHttp10 => "HTTP/1.0 has no transfer codings",
            Self::ChunkedNotFinal => "chunked must be the final transfer coding, once",
            Self::UnknownTransferCoding => "the transfer coding must be chunked",
            Self::UnknownExpectation => "the expectation must be 100-continue",
            Self::InvalidChunkSize => "a chunk size must be a hexadecimal number below 2^64",
            Self::InvalidChunkExtension => "a chunk extension must be ;name or ;name=value",
            Self::MissingChunkEnd => "CRLF must follow the chunk data",
            Self::Truncated => "the connection closed inside a message",
        }
    }
}

impl LimitError {
    const fn reason(self) -> &'static str {
        match self {
            Self::HeadTooLarge => "the head is too large",
            Self::TargetTooLong => "the request target is too long",
            Self::TooManyFieldLines => "there are too many field lines",
            Self::ContentTooLarge => "the content is too large",
            Self::ChunkExtensionsTooLong => "the chunk extensions are too long",
            Self::TrailersTooLarge => "the trailer section is too large",
        }
    }
}

impl TimeoutError {
    const fn reason(self) -> &'static str {
        match self {
            Self::Head => "the head took too long",
            Self::Content => "the content came too slowly",
            Self::Send => "the peer read too slowly",
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.reason())
    }
}

impl core::error::Error for Error {}

impl From<SyntaxError> for Error {
    fn from(error: SyntaxError) -> Self {
        Self::Syntax(error)
    }
}

impl From<LimitError> for Error {
    fn from(error: LimitError) -> Self {
        Self::Limit(error)
    }
}

impl From<TimeoutError> for Error {
    fn from(error: TimeoutError) -> Self {
        Self::Timeout(error)
    }
}
