//! Backends from elsewhere: what a watched file or an HTTP endpoint says.
//!
//! ```text
//!  # a line each: ADDRESS:PORT, then a weight, then whether it drains
//!  10.0.0.1:8080
//!  10.0.0.2:8080 weight=2
//!  10.0.0.3:8080 draining
//!
//!  ["10.0.0.1:8080", {"address": "10.0.0.2:8080", "weight": 2, "draining": true}]
//! ```
//!
//! What is wrong anywhere is wrong as a whole, and so is a
//! list of nobody, as a file that is just being written looks: then the backends stay as they are.

use core::fmt;
use std::collections::HashSet;

use crate::config::pool::Backend;
use crate::config::values::Weight;

/// The most backends that a list may have.
const MAX_BACKENDS: usize = 4_096;

/// What is wrong with a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ListError {
    line: usize,
    text: String,
}

/// Reads a list.
pub(crate) fn parse(text: &str) -> Result<Vec<Backend>, ListError> {
    let backends = if is_json(text) {
        serde_json::from_str(text).map_err(|error| ListError {
            line: error.line(),
            text: without_place(&error),
        })?
    } else {
        let lines = text.lines().enumerate();
        let lines = lines.map(|(at, line)| (at + 1, line.split('#').next().unwrap_or_default()));
        let lines = lines.filter(|(_, line)| !line.trim().is_empty());
        let backends: Result<Vec<_>, _> = lines
            .map(|(line, text)| backend(text).map_err(|text| ListError { line, text }))
            .collect();
        backends?
    };
    check(&backends).map_err(|text| ListError { line: 0, text })?;
    Ok(backends)
}

/// Whether this is an array, and no line that begins with an address in brackets.
fn is_json(text: &str) -> bool {
    let inner = text.trim_start().strip_prefix('[').map(str::trim_start);
    inner.is_some_and(|inner| inner.is_empty() || inner.starts_with(['"', '{', ']']))
}

fn backend(line: &str) -> Result<Backend, String> {
    let mut words = line.split_whitespace();
    let address = words.next().unwrap_or_default();
    let target = address
        .parse()
        .map_err(|error| format!("{address}: {error}"))?;
    let mut backend = Backend::new(target);
    for word in words {
        match word.split_once('=') {
            Some(("weight", number)) => {
                let is_number = number.bytes().all(|byte| byte.is_ascii_digit());
                let number = number.parse().ok().filter(|_| is_number);
                let Some(weight) = number.and_then(Weight::of) else {
                    return Err(format!("{word}: {}", Weight::expected()));
                };
                backend.weight = weight.0;
            }
            None if word == "draining" => backend.draining = true,
            _ => return Err(format!("{word}: expected weight=NUMBER or draining")),
        }
    }
    Ok(backend)
}

fn check(backends: &[Backend]) -> Result<(), String> {
    if backends.is_empty() {
        return Err(String::from("expected a backend"));
    }
    if backends.len() > MAX_BACKENDS {
        return Err(format!("expected {MAX_BACKENDS} backends at most"));
    }
    let mut seen = HashSet::new();
    for backend in backends {
        if !seen.insert(backend.target.to_string()) {
            return Err(format!("{} is there twice", backend.target));
        }
    }
    Ok(())
}

/// What the parser of JSON says, without the place that it says it of.
fn without_place(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let end = text.rfind(" at line ").unwrap_or(text.len());
    text[..end].to_owned()
}

impl fmt::Display for ListError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => f.write_str(&self.text),
            line => write!(f, "line {line}: {}", self.text),
        }
    }
}

impl core::error::Error for ListError {}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a list comes to, a word for each backend.
    fn listed(text: &str) -> Result<String, String> {
        let backends = parse(text).map_err(|error| error.to_string())?;
        let word = |one: &Backend| {
            let draining = if one.draining { "-" } else { "" };
            format!("{}*{}{draining}", one.target, one.weight)
        };
        Ok(backends.iter().map(word).collect::<Vec<_>>().join(" "))
    }

    #[test]
    fn lines_and_json_say_the_same() {
        let expected = "[::1]:80*20 10.0.0.1:80*1 app:80*1-";
        for text in [
            "[::1]:80 weight=20\n10.0.0.1:80\napp:80 draining\n",
            "# ours\r\n\r\n [::1]:80\tweight=20\r\n10.0.0.1:80 # second\r\napp:80 draining",
            r#" [ {"address": "[::1]:80", "weight": 20}, "10.0.0.1:80", {"address": "app:80", "draining": true}]"#,
        ] {
            assert_eq!(listed(text).as_deref(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_is_wrong_is_told_and_nothing_is_taken() {
        for (text, expected) in [
            ("", "expected a backend"),
            ("# none\n", "expected a backend"),
            ("[]", "expected a backend"),
            (
                "10.0.0.1:80\n10.0.0.1\n",
                "line 2: 10.0.0.1: expected ADDRESS:PORT",
            ),
            (
                "10.0.0.1:80 weight=0",
                "line 1: weight=0: expected a number from 1 to 1000",
            ),
            (
                "10.0.0.1:80 weight=+1",
                "line 1: weight=+1: expected a number",
            ),
            (
                "10.0.0.1:80 2",
                "line 1: 2: expected weight=NUMBER or draining",
            ),
            ("a:1\nb:1\na:1", "a:1 is there twice"),
            (
                "[\"a:1\",\n 5]",
                "line 2: invalid type: integer `5`, expected \"ADDRESS:PORT\"",
            ),
            ("[\"a:1\",", "line 1: EOF"),
            (
                r#"[{"address": "a:1", "wieght": 2}]"#,
                "line 1: unknown field `wieght`",
            ),
            (
                r#"[{"address": "a:1", "weight": 1001}]"#,
                "line 1: expected a number from 1 to 1000",
            ),
        ] {
            let told = listed(text).unwrap_err();
            assert!(told.starts_with(expected), "{text}: {told}");
        }
        let many: String = (0..=MAX_BACKENDS).map(|n| format!("a{n}:1\n")).collect();
        assert_eq!(
            listed(&many),
            Err(String::from("expected 4096 backends at most"))
        );
    }
}
