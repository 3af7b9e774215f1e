//! Bytes as readable ASCII: `\r`, `\n`, `\t`, `\\` and `\xHH`, and every other byte as itself.

/// The bytes that `text` stands for.
pub fn unescape(text: &str) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if !byte.is_ascii() {
            return Err(format!("not ASCII: {text}"));
        }
        if byte != b'\\' {
            bytes.push(byte);
            continue;
        }
        bytes.push(match rest.next() {
            Some(b'r') => b'\r',
            Some(b'n') => b'\n',
            Some(b't') => b'\t',
            Some(b'\\') => b'\\',
            Some(b'x') => {
                let digits = [rest.next(), rest.next()].map(|digit| {
                    let digit = digit.filter(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'));
                    digit.and_then(|digit| char::from(digit).to_digit(16))
                });
                let [Some(high), Some(low)] = digits else {
                    return Err(format!("\\x without two lower-case hex digits: {text}"));
                };
                u8::try_from(high * 16 + low).expect("two digits are a byte")
            }
            _ => return Err(format!("unknown escape: {text}")),
        });
    }
    Ok(bytes)
}

/// `bytes` as one line of text, which [`unescape`] reads back.
pub fn escape(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for &byte in bytes {
        match byte {
            b'\r' => text.push_str("\\r"),
            b'\n' => text.push_str("\\n"),
            b'\t' => text.push_str("\\t"),
            b'\\' => text.push_str("\\\\"),
            0x20..=0x7e => text.push(char::from(byte)),
            _ => text.push_str(&format!("\\x{byte:02x}")),
        }
    }
    text
}
