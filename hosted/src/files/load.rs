//! Finding out what a path leads to.

use std::os::fd::OwnedFd;
use std::rc::Rc;

use kinglet_core::http::FieldBuf;
use kinglet_core::http::values::date::HttpDate;
use rustix::fs::{FileType, fstat};

use super::body::OpenFile;
use super::entry::{Coding, Content, Outcome, Resource, Variant, Version};
use super::media::{compresses, media_type};
use super::open::Root;
use super::path::{Named, name};
use super::refusal::Refusal;
use super::{FilesOptions, Listing, Precompressed, entry, listing};

/// What was opened, by its kind.
enum Opened {
    File(OwnedFd, Version),
    Folder(OwnedFd),
}

/// A look at the file system.
pub(super) struct Look<'l> {
    pub(super) root: &'l Root,
    pub(super) options: &'l FilesOptions,
    /// What the path led to before.
    pub(super) before: Option<&'l Resource>,
}

impl Look<'_> {
    /// What a decoded path leads to.
    pub(super) fn at(&self, path: &[u8]) -> Outcome {
        let outcome = match name(path, self.options.dot_files) {
            Ok(Named::File(name)) => self.file(name),
            Ok(Named::Folder(name)) => self.folder(name),
            Err(refusal) => Err(refusal),
        };
        outcome.unwrap_or_else(Outcome::Refused)
    }

    fn file(&self, name: &[u8]) -> Result<Outcome, Refusal> {
        match self.open(name)? {
            Opened::File(file, version) => {
                let resource = self.resource(name, file, version);
                Ok(Outcome::File(resource))
            }
            Opened::Folder(_) => Ok(Outcome::Redirected),
        }
    }

    fn folder(&self, name: &[u8]) -> Result<Outcome, Refusal> {
        let Opened::Folder(folder) = self.open(name)? else {
            return Err(Refusal::Missing);
        };
        for index in &self.options.index {
            let slash: &[u8] = if name.is_empty() { b"" } else { b"/" };
            let name = [name, slash, index.as_bytes()].concat();
            match self.open(&name) {
                Ok(Opened::File(file, version)) => {
                    let resource = self.resource(&name, file, version);
                    return Ok(Outcome::File(resource));
                }
                Ok(Opened::Folder(_)) | Err(Refusal::Missing) => {}
                Err(refusal) => return Err(refusal),
            }
        }
        match self.options.listing {
            Listing::Off => Err(Refusal::Forbidden),
            Listing::On => listing::page(&folder, name, self.options)
                .map(Outcome::Listed)
                .map_err(Refusal::of),
        }
    }

    fn open(&self, name: &[u8]) -> Result<Opened, Refusal> {
        let opened = self.root.file(name).map_err(Refusal::of)?;
        let stat = fstat(&opened).map_err(Refusal::of)?;
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile => Ok(Opened::File(opened, Version::of(&stat))),
            FileType::Directory => Ok(Opened::Folder(opened)),
            _ => Err(Refusal::Forbidden),
        }
    }

    fn resource(&self, name: &[u8], file: OwnedFd, version: Version) -> Resource {
        let now = entry::now();
        let media_type = media_type(name, &self.options.media_types);
        let mut compressed = Vec::new();
        if self.options.precompressed == Precompressed::Serve && compresses(media_type.as_bytes()) {
            for coding in Coding::ALL {
                let name = [name, coding.suffix()].concat();
                // One that cannot be had is none: the file itself is.
                if let Ok(Opened::File(sibling, of_sibling)) = self.open(&name)
                    && of_sibling.written.seconds >= version.written.seconds
                    && of_sibling.written.len < version.written.len
                {
                    compressed.push((coding, self.variant(sibling, of_sibling, now)));
                }
            }
            compressed.sort_by_key(|(_, variant)| variant.len());
        }
        Resource {
            media_type: FieldBuf::new("Content-Type", media_type.as_bytes()),
            plain: self.variant(file, version, now),
            compressed,
        }
    }

    fn variant(&self, file: OwnedFd, version: Version, now: HttpDate) -> Rc<Variant> {
        let reused = self.before.and_then(|before| before.reuse(&version));
        if let Some(reused) = reused {
            return reused;
        }
        let len = usize::try_from(version.written.len).unwrap_or(usize::MAX);
        let file = OpenFile::new(file, version.written, self.options.sendfile);
        let content = match held(&file, len, self.options.max_small_len) {
            Some(bytes) => Content::Held(bytes),
            None => Content::Open(Rc::new(file)),
        };
        Rc::new(Variant::new(version, content, now))
    }
}

/// The whole of a small file; none where it is not small, or not what it was any more.
fn held(file: &OpenFile, len: usize, max_len: usize) -> Option<Box<[u8]>> {
    if len > max_len {
        return None;
    }
    let mut bytes = vec![0; len];
    let mut filled = 0;
    while let Some(room) = bytes.get_mut(filled..).filter(|room| !room.is_empty()) {
        match file.read(room, filled as u64) {
            Ok(more) if more > 0 => filled += more,
            _ => return None,
        }
    }
    file.is_unchanged().then(|| bytes.into())
}
