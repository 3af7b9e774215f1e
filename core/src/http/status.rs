//! Status codes (RFC 9110 §15).

use core::fmt;

/// A status code: three digits, 100 to 999.
///
/// ```
/// use kinglet_core::http::Status;
///
/// assert_eq!(Status::NOT_FOUND.code(), 404);
/// assert_eq!(Status::new(404), Some(Status::NOT_FOUND));
/// assert_eq!(Status::new(42), None);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Status(u16);

/// The constants, and the match from code to reason phrase.
macro_rules! statuses {
    ($($(#[$doc:meta])* $name:ident = $code:literal, $reason:literal;)*) => {
        impl Status {
            $($(#[$doc])* pub const $name: Self = Self($code);)*

            /// The reason phrase that goes with the code (RFC 9110 §15); empty for others.
            #[must_use]
            pub const fn reason(self) -> &'static str {
                match self.0 {
                    $($code => $reason,)*
                    _ => "",
                }
            }
        }
    };
}

statuses! {
    /// RFC 9110 §15.2.1.
    CONTINUE = 100, "Continue";
    /// RFC 9110 §15.2.2.
    SWITCHING_PROTOCOLS = 101, "Switching Protocols";
    /// RFC 8297 §2.
    EARLY_HINTS = 103, "Early Hints";
    /// RFC 9110 §15.3.1.
    OK = 200, "OK";
    /// RFC 9110 §15.3.2.
    CREATED = 201, "Created";
    /// RFC 9110 §15.3.3.
    ACCEPTED = 202, "Accepted";
    /// RFC 9110 §15.3.4.
    NON_AUTHORITATIVE_INFORMATION = 203, "Non-Authoritative Information";
    /// RFC 9110 §15.3.5.
    NO_CONTENT = 204, "No Content";
    /// RFC 9110 §15.3.6.
    RESET_CONTENT = 205, "Reset Content";
    /// RFC 9110 §15.3.7.
    PARTIAL_CONTENT = 206, "Partial Content";
    /// RFC 9110 §15.4.1.
    MULTIPLE_CHOICES = 300, "Multiple Choices";
    /// RFC 9110 §15.4.2.
    MOVED_PERMANENTLY = 301, "Moved Permanently";
    /// RFC 9110 §15.4.3.
    FOUND = 302, "Found";
    /// RFC 9110 §15.4.4.
    SEE_OTHER = 303, "See Other";
    /// RFC 9110 §15.4.5.
    NOT_MODIFIED = 304, "Not Modified";
    /// RFC 9110 §15.4.8.
    TEMPORARY_REDIRECT = 307, "Temporary Redirect";
    /// RFC 9110 §15.4.9.
    PERMANENT_REDIRECT = 308, "Permanent Redirect";
    /// RFC 9110 §15.5.1.
    BAD_REQUEST = 400, "Bad Request";
    /// RFC 9110 §15.5.2.
    UNAUTHORIZED = 401, "Unauthorized";
    /// RFC 9110 §15.5.3.
    PAYMENT_REQUIRED = 402, "Payment Required";
    /// RFC 9110 §15.5.4.
    FORBIDDEN = 403, "Forbidden";
    /// RFC 9110 §15.5.5.
    NOT_FOUND = 404, "Not Found";
    /// RFC 9110 §15.5.6.
    METHOD_NOT_ALLOWED = 405, "Method Not Allowed";
    /// RFC 9110 §15.5.7.
    NOT_ACCEPTABLE = 406, "Not Acceptable";
    /// RFC 9110 §15.5.8.
    PROXY_AUTHENTICATION_REQUIRED = 407, "Proxy Authentication Required";
    /// RFC 9110 §15.5.9.
    REQUEST_TIMEOUT = 408, "Request Timeout";
    /// RFC 9110 §15.5.10.
    CONFLICT = 409, "Conflict";
    /// RFC 9110 §15.5.11.
    GONE = 410, "Gone";
    /// RFC 9110 §15.5.12.
    LENGTH_REQUIRED = 411, "Length Required";
    /// RFC 9110 §15.5.13.
    PRECONDITION_FAILED = 412, "Precondition Failed";
    /// RFC 9110 §15.5.14.
    CONTENT_TOO_LARGE = 413, "Content Too Large";
    /// RFC 9110 §15.5.15.
    URI_TOO_LONG = 414, "URI Too Long";
    /// RFC 9110 §15.5.16.
    UNSUPPORTED_MEDIA_TYPE = 415, "Unsupported Media Type";
    /// RFC 9110 §15.5.17.
    RANGE_NOT_SATISFIABLE = 416, "Range Not Satisfiable";
    /// RFC 9110 §15.5.18.
    EXPECTATION_FAILED = 417, "Expectation Failed";
    /// RFC 9110 §15.5.20.
    MISDIRECTED_REQUEST = 421, "Misdirected Request";
    /// RFC 9110 §15.5.21.
    UNPROCESSABLE_CONTENT = 422, "Unprocessable Content";
    /// RFC 9110 §15.5.22.
    UPGRADE_REQUIRED = 426, "Upgrade Required";
    /// RFC 6585 §3.
    PRECONDITION_REQUIRED = 428, "Precondition Required";
    /// RFC 6585 §4.
    TOO_MANY_REQUESTS = 429, "Too Many Requests";
    /// RFC 6585 §5.
    REQUEST_HEADER_FIELDS_TOO_LARGE = 431, "Request Header Fields Too Large";
    /// RFC 9110 §15.6.1.
    INTERNAL_SERVER_ERROR = 500, "Internal Server Error";
    /// RFC 9110 §15.6.2.
    NOT_IMPLEMENTED = 501, "Not Implemented";
    /// RFC 9110 §15.6.3.
    BAD_GATEWAY = 502, "Bad Gateway";
    /// RFC 9110 §15.6.4.
    SERVICE_UNAVAILABLE = 503, "Service Unavailable";
    /// RFC 9110 §15.6.5.
    GATEWAY_TIMEOUT = 504, "Gateway Timeout";
    /// RFC 9110 §15.6.6.
    HTTP_VERSION_NOT_SUPPORTED = 505, "HTTP Version Not Supported";
}

impl Status {
    /// The status with this code, if it is one of three digits.
    #[must_use]
    pub const fn new(code: u16) -> Option<Self> {
        match code {
            100..=999 => Some(Self(code)),
            _ => None,
        }
    }

    /// The code, 100 to 999.
    #[must_use]
    pub const fn code(self) -> u16 {
        self.0
    }

    /// Whether this is an interim response: 1xx (RFC 9110 §15.2).
    #[must_use]
    pub const fn is_informational(self) -> bool {
        self.0 < 200
    }

    /// Whether the request succeeded: 2xx (RFC 9110 §15.3).
    #[must_use]
    pub const fn is_success(self) -> bool {
        matches!(self.0, 200..=299)
    }

    /// Whether a response with this code never has content: 1xx, 204 and 304 (RFC 9112 §6.3).
    #[must_use]
    pub const fn forbids_content(self) -> bool {
        self.is_informational() || matches!(self.0, 204 | 304)
    }

    /// Whether content given with this code is not to be sent: those that
    /// [forbid it](Self::forbids_content), and 205 (RFC 9110 §15.3.6), which says so with a length of 0.
    pub(crate) const fn has_no_content(self) -> bool {
        self.forbids_content() || self.0 == 205
    }

    /// The three digits.
    pub(crate) const fn digits(self) -> [u8; 3] {
        [digit(self.0 / 100), digit(self.0 / 10), digit(self.0)]
    }
}

/// The last decimal digit of `number`, in ASCII.
const fn digit(number: u16) -> u8 {
    b'0' | (number % 10) as u8
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.0, self.reason())
    }
}
