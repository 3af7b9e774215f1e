//! The page of a folder without an index.

use std::os::fd::OwnedFd;

use kinglet_core::field;
use kinglet_core::http::{Field, Handled, Reply, Status};
use rustix::fs::{Dir, FileType};
use rustix::io::Errno;

use super::path::encode;
use super::{DotFiles, FilesOptions};

/// Bytes of a page past which no further name is put into it.
const MAX_PAGE_LEN: usize = 1024 * 1024;

/// A page with the names in `folder`, whose own name is `name`.
///
/// At most as many names are read as are listed: which those are, where there are more, is the file
/// system's choice.
pub(super) fn page(
    folder: &OwnedFd,
    name: &[u8],
    options: &FilesOptions,
) -> Result<Box<[u8]>, Errno> {
    let mut names = Vec::new();
    let mut is_whole = true;
    for entry in Dir::read_from(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_bytes();
        let Some(end) = end(entry.file_type(), name, options) else {
            continue;
        };
        if names.len() == options.max_listed {
            is_whole = false;
            break;
        }
        names.push((name.to_vec(), end));
    }
    names.sort_unstable();
    let mut page = Vec::new();
    page.extend(b"<!DOCTYPE html>\n<meta charset=\"utf-8\">\n<title>/");
    escape(name, &mut page);
    page.extend(b"</title>\n<ul>\n");
    if !name.is_empty() {
        page.extend(b"<li><a href=\"../\">../</a>\n");
    }
    for (name, end) in names {
        if page.len() > MAX_PAGE_LEN {
            is_whole = false;
            break;
        }
        // A name with a colon would be taken for a scheme without the dot (RFC 3986 §4.2).
        page.extend(b"<li><a href=\"./");
        encode(&name, &mut page);
        page.extend(end.as_bytes());
        page.extend(b"\">");
        escape(&name, &mut page);
        page.extend(end.as_bytes());
        page.extend(b"</a>\n");
    }
    page.extend(b"</ul>\n");
    if !is_whole {
        page.extend(b"<p>There is more.\n");
    }
    Ok(page.into())
}

pub(super) fn answer(page: &[u8], reply: Reply<'_>) -> Handled {
    const FIELDS: [Field<'_>; 4] = [
        field!("Content-Type", "text/html; charset=utf-8"),
        field!("X-Content-Type-Options", "nosniff"),
        field!("Cache-Control", "no-cache"),
        field!("Content-Security-Policy", "default-src 'none'"),
    ];
    reply.send(Status::OK, &FIELDS, page)
}

/// What a listed name ends with; none for one that is not listed. A link is listed as a file: where it
/// leads to a folder, that is found when somebody follows it.
fn end(kind: FileType, name: &[u8], options: &FilesOptions) -> Option<&'static str> {
    // Dot and dot-dot, and those that are not served.
    let is_hidden = match name {
        b"." | b".." => true,
        [b'.', ..] => options.dot_files == DotFiles::Hide,
        name => name.contains(&b'\\'),
    };
    match kind {
        _ if is_hidden => None,
        FileType::Directory => Some("/"),
        FileType::RegularFile | FileType::Symlink | FileType::Unknown => Some(""),
        _ => None,
    }
}

/// Writes a name as text of a page. What is no UTF-8 is shown as a question mark in a diamond.
fn escape(name: &[u8], page: &mut Vec<u8>) {
    for byte in String::from_utf8_lossy(name).bytes() {
        match byte {
            b'<' => page.extend(b"&lt;"),
            b'>' => page.extend(b"&gt;"),
            b'&' => page.extend(b"&amp;"),
            b'"' => page.extend(b"&quot;"),
            b'\'' => page.extend(b"&#39;"),
            byte => page.push(byte),
        }
    }
}
