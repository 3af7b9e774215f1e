//! Media types of files, RFC 9110 §8.3.1.

/// The media type for a name, by its extension: first one of `own`, then one that is known, and else
/// `application/octet-stream`. Text is taken to be UTF-8.
pub(super) fn media_type(name: &[u8], own: &[(String, String)]) -> String {
    let extension = extension(name);
    let declared = own
        .iter()
        .find(|(own, _)| own.eq_ignore_ascii_case(extension));
    if let Some((_, media_type)) = declared {
        return media_type.clone();
    }
    let known = mime_guess::from_ext(extension).first_raw();
    match known.unwrap_or("application/octet-stream") {
        text if text.starts_with("text/") => format!("{text}; charset=utf-8"),
        other => other.into(),
    }
}

/// Whether content of this media type usually becomes much shorter when it is compressed.
pub(crate) fn compresses(media_type: &[u8]) -> bool {
    const TYPES: [&[u8]; 13] = [
        b"application/javascript",
        b"application/json",
        b"application/manifest+json",
        b"application/rtf",
        b"application/vnd.ms-fontobject",
        b"application/wasm",
        b"application/x-javascript",
        b"application/xml",
        b"font/otf",
        b"font/ttf",
        b"image/bmp",
        b"image/svg+xml",
        b"image/x-icon",
    ];
    let end = media_type.iter().position(|byte| *byte == b';');
    let essence = media_type.get(..end.unwrap_or(media_type.len()));
    let essence = essence.unwrap_or_default().trim_ascii();
    let begins = |with: &[u8]| {
        let start = essence.get(..with.len());
        start.is_some_and(|start| start.eq_ignore_ascii_case(with))
    };
    let ends = |with: &[u8]| {
        let at = essence.len().saturating_sub(with.len());
        essence
            .get(at..)
            .is_some_and(|end| end.eq_ignore_ascii_case(with))
    };
    // A stream of events has to leave as it comes.
    let is_text = begins(b"text/") && !essence.eq_ignore_ascii_case(b"text/event-stream");
    let is_structured = ends(b"+json") || ends(b"+xml");
    is_text || is_structured || TYPES.iter().any(|one| one.eq_ignore_ascii_case(essence))
}

fn extension(name: &[u8]) -> &str {
    let name = name.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
    let dot = name.iter().rposition(|byte| *byte == b'.');
    let extension = dot.and_then(|dot| name.get(dot + 1..)).unwrap_or_default();
    core::str::from_utf8(extension).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_a_media_type() {
        let own = [("Foo".to_owned(), "application/foo".to_owned())];
        for (name, expected) in [
            ("index.html", "text/html; charset=utf-8"),
            ("a/b.min.JS", "text/javascript; charset=utf-8"),
            ("a.json", "application/json"),
            ("a.svg", "image/svg+xml"),
            ("a.wasm", "application/wasm"),
            ("a.foo", "application/foo"),
            ("a.html/b", "application/octet-stream"),
            ("a.", "application/octet-stream"),
            ("html", "application/octet-stream"),
            ("a.gz", "application/gzip"),
        ] {
            assert_eq!(media_type(name.as_bytes(), &own), expected, "{name}");
        }
        assert_eq!(media_type(b"a.\xff", &own), "application/octet-stream");
    }

    #[test]
    fn text_compresses_and_pictures_do_not() {
        for (media_type, expected) in [
            ("text/html; charset=utf-8", true),
            ("TEXT/css", true),
            ("application/ld+json;a=b", true),
            ("image/svg+xml", true),
            ("application/wasm", true),
            ("text/event-stream", false),
            ("image/png", false),
            ("video/mp4", false),
            ("application/gzip", false),
            ("", false),
        ] {
            assert_eq!(compresses(media_type.as_bytes()), expected, "{media_type}");
        }
    }
}
