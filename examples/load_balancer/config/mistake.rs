//! What is wrong with a configuration, and where.

use core::fmt;
use core::ops::Range;

/// A mistake, as it is told to whoever made it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mistake {
    /// `FILE:LINE`, or the flag.
    place: String,
    /// The way to the key, with dots; empty where none is meant.
    key: String,
    text: String,
}

impl Mistake {
    /// At some bytes of a file.
    pub(super) fn at(
        (file, text): (&str, &str),
        span: Range<usize>,
        key: impl Into<String>,
        what: impl Into<String>,
    ) -> Self {
        let before = text.get(..span.start).unwrap_or(text);
        let line = before.matches('\n').count() + 1;
        Self {
            place: format!("{file}:{line}"),
            key: key.into(),
            text: what.into(),
        }
    }

    /// What the parser says, which knows the key but shows it only where it has no text to show.
    pub(super) fn of_toml(file: &str, text: &str, mut error: toml::de::Error) -> Self {
        let span = error.span().unwrap_or(text.len()..text.len());
        let what = error.message().trim_end().to_owned();
        error.set_input(None);
        let told = error.to_string();
        let key = told.rsplit_once("in `").map(|(_, key)| key.trim_end());
        let key = key
            .and_then(|key| key.strip_suffix('`'))
            .unwrap_or_default();
        // Of a key that is not known, the parser says where it was looked for; the key is in the text.
        let unknown = text
            .get(span.clone())
            .filter(|_| what.starts_with("unknown field"));
        let way: Vec<_> = [Some(key).filter(|key| !key.is_empty()), unknown]
            .into_iter()
            .flatten()
            .collect();
        Self::at((file, text), span, way.join("."), what)
    }

    /// A file that cannot be read.
    pub(super) fn of_file(file: &str, error: &std::io::Error) -> Self {
        Self {
            place: file.to_owned(),
            key: String::new(),
            text: format!("cannot be read: {error}"),
        }
    }

    /// A flag of the command line.
    pub(super) fn of_flag(flag: impl Into<String>, what: impl Into<String>) -> Self {
        Self {
            place: flag.into(),
            key: String::new(),
            text: what.into(),
        }
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { place, key, text } = self;
        match key.as_str() {
            "" => write!(f, "{place}: {text}"),
            key => write!(f, "{place}: {key}: {text}"),
        }
    }
}

impl core::error::Error for Mistake {}
