//! HTML out of what cannot be trusted.

use std::fmt;

/// Bytes of a peer, as HTML text that shows each of them: what means something to HTML is escaped, and
/// what is not visible ASCII or a space is written as `\xNN`, in an element of its own.
///
/// So nothing that a client sends can become an element, end an attribute, or turn the direction of
/// the text around it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bytes<'a>(pub(crate) &'a [u8]);

impl fmt::Display for Bytes<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for &byte in self.0 {
            match byte {
                b'&' => f.write_str("&amp;<wbr>")?,
                b'<' => f.write_str("&lt;")?,
                b'>' => f.write_str("&gt;")?,
                b'"' => f.write_str("&quot;")?,
                b'\'' => f.write_str("&#39;")?,
                // Long values may be broken there; the element stands for no byte.
                b',' | b';' => write!(f, "{}<wbr>", char::from(byte))?,
                b' ' | b'!'..=b'~' => write!(f, "{}", char::from(byte))?,
                _ => write!(f, "<i>\\x{byte:02X}</i>")?,
            }
        }
        Ok(())
    }
}

/// Puts each value in the place of its `{{name}}`. Values are HTML, and are not looked at again.
pub(crate) fn fill(template: &str, values: &[(&str, &str)]) -> String {
    let mut html = String::with_capacity(2 * template.len());
    let mut pieces = template.split("{{");
    html.extend(pieces.next());
    for piece in pieces {
        let (name, text) = piece.split_once("}}").unwrap_or((piece, ""));
        let value = values.iter().find(|(known, _)| *known == name);
        html.extend([value.map_or("", |(_, value)| value), text]);
    }
    html
}

/// A number with its digits in groups of three.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
