//! Opening what lies below a folder, and nothing else.
//!
//! ```text
//!   Linux         openat2(folder, name, RESOLVE_BENEATH)      the kernel sees to it, in one call
//!   elsewhere     openat(folder, "a", O_NOFOLLOW), openat(., "b", O_NOFOLLOW) ...
//! ```
//!
//! In either way no step is taken by name twice, so it does not matter who renames or links what
//! meanwhile. The walk is also taken where the kernel does not have `openat2`, or a sandbox refuses it.
//!
//! `O_NONBLOCK` keeps a FIFO from waiting for somebody to write to it; what is neither a file nor a
//! folder is refused by whoever looks at what was opened.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use rustix::fs::{Mode, OFlags, openat, readlinkat};
use rustix::io::Errno;

use super::Symlinks;

/// A folder that is served.
#[derive(Debug)]
pub(super) struct Root {
    descriptor: OwnedFd,
    symlinks: Symlinks,
    means: Means,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Means {
    /// The kernel resolves whole names below the folder.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    Kernel,
    /// We take one step at a time.
    Walk,
}

const FILE: OFlags = OFlags::RDONLY
    .union(OFlags::NONBLOCK)
    .union(OFlags::NOCTTY)
    .union(OFlags::CLOEXEC);

/// A folder on the way: it need not be readable, only searchable, where the system has such a thing.
#[cfg(any(target_os = "linux", target_os = "android"))]
const STEP: OFlags = OFlags::PATH.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);
#[cfg(not(any(target_os = "linux", target_os = "android")))]
const STEP: OFlags = FILE.union(OFlags::DIRECTORY);

/// Symbolic links that one name may go through.
const MAX_LINKS: usize = 40;

impl Root {
    pub(super) fn open(path: &Path, symlinks: Symlinks) -> io::Result<Self> {
        let flags = FILE | OFlags::DIRECTORY;
        let descriptor = rustix::fs::open(path, flags, Mode::empty())?;
        let root = Self {
            descriptor,
            symlinks,
            means: Means::Walk,
        };
        #[cfg(any(target_os = "linux", target_os = "android"))]
        if root.ask_kernel(b".").is_ok() {
            let means = Means::Kernel;
            return Ok(Self { means, ..root });
        }
        Ok(root)
    }

    /// Opens `name`, which has no slash at its start, for reading; the folder itself where it is empty.
    pub(super) fn file(&self, name: &[u8]) -> Result<OwnedFd, Errno> {
        let name = if name.is_empty() { b"." } else { name };
        if self.symlinks == Symlinks::Follow {
            return openat(&self.descriptor, name, FILE, Mode::empty());
        }
        match self.means {
            #[cfg(any(target_os = "linux", target_os = "android"))]
            Means::Kernel => match self.ask_kernel(name) {
                // Something was renamed meanwhile, and the kernel could not tell whether it matters.
                Err(Errno::AGAIN) => self.walk(name),
                result => result,
            },
            Means::Walk => self.walk(name),
        }
    }

    #[cfg(any(target_os = "linux", target_os = "android"))]
    fn ask_kernel(&self, name: &[u8]) -> Result<OwnedFd, Errno> {
        use rustix::fs::{ResolveFlags, openat2};
        let mut resolve = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
        if self.symlinks == Symlinks::Deny {
            resolve |= ResolveFlags::NO_SYMLINKS;
        }
        openat2(&self.descriptor, name, FILE, Mode::empty(), resolve)
    }

    /// Goes from folder to folder. Links are read and gone through here, so that each step is one that
    /// leads down, or back up by a way that led down.
    fn walk(&self, name: &[u8]) -> Result<OwnedFd, Errno> {
        let mut steps = Vec::new();
        push_steps(name, &mut steps);
        let mut trail: Vec<OwnedFd> = Vec::new();
        let mut links = 0;
        while let Some(step) = steps.pop() {
            if step == b".." {
                // Behind a link only: names do not have such a step.
                trail.pop().ok_or(Errno::XDEV)?;
                continue;
            }
            let at = trail.last().map_or(self.descriptor.as_fd(), AsFd::as_fd);
            let is_last = steps.is_empty();
            let flags = if is_last { FILE } else { STEP } | OFlags::NOFOLLOW;
            let error = match openat(at, &*step, flags, Mode::empty()) {
                Ok(file) if is_last => return Ok(file),
                Ok(folder) => {
                    trail.push(folder);
                    continue;
                }
                Err(error) => error,
            };
            let target = self.link(at, &step, error)?;
            links += 1;
            if links > MAX_LINKS {
                return Err(Errno::LOOP);
            }
            if target.starts_with(b"/") {
                return Err(Errno::XDEV);
            }
            push_steps(&target, &mut steps);
        }
        let at = trail.last().map_or(self.descriptor.as_fd(), AsFd::as_fd);
        openat(at, b".".as_slice(), FILE, Mode::empty())
    }

    /// What the link says that `error` was about, where it was one and may be followed.
    fn link(&self, at: BorrowedFd<'_>, step: &[u8], error: Errno) -> Result<Vec<u8>, Errno> {
        // Systems differ in what they say of a link that is not to be followed.
        if ![Errno::LOOP, Errno::NOTDIR, Errno::MLINK].contains(&error) {
            return Err(error);
        }
        match readlinkat(at, step, Vec::new()) {
            Ok(_) if self.symlinks == Symlinks::Deny => Err(Errno::LOOP),
            Ok(target) => Ok(target.into_bytes()),
            Err(_) => Err(error),
        }
    }
}

/// Puts the steps of `name` before the others; the next one is the last of the list.
fn push_steps(name: &[u8], steps: &mut Vec<Vec<u8>>) {
    let named = name.rsplit(|byte| *byte == b'/');
    let kept = named.filter(|step| !step.is_empty() && *step != b".");
    steps.extend(kept.map(<[u8]>::to_vec));
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    /// What comes of opening each name, by either means.
    #[test]
    fn both_ways_open_the_same() {
        let base = std::env::temp_dir().join(format!("kinglet-open-{}", std::process::id()));
        let _ = fs::remove_dir_all(&base);
        let folder = base.join("www");
        fs::create_dir_all(folder.join("a/b")).unwrap();
        fs::write(base.join("secret"), "s").unwrap();
        fs::write(folder.join("a/b/file"), "f").unwrap();
        for (target, link) in [
            ("a/b/file", "to-file"),
            ("b", "a/to-b"),
            ("../a/b", "a/up-and-down"),
            ("../../www/a", "a/out-and-in"),
            ("../secret", "out"),
            ("/etc/hostname", "absolute"),
            ("loop", "loop"),
            ("nothing", "dangling"),
            (".", "here"),
            ("a/", "to-a"),
        ] {
            symlink(target, folder.join(link)).unwrap();
        }
        let rows = [
            ("a/b/file", Ok(()), Ok(())),
            ("", Ok(()), Ok(())),
            ("a", Ok(()), Ok(())),
            ("a/none", Err(Errno::NOENT), Err(Errno::NOENT)),
            ("a/b/file/c", Err(Errno::NOTDIR), Err(Errno::NOTDIR)),
            ("to-file", Ok(()), Err(Errno::LOOP)),
            ("a/to-b/file", Ok(()), Err(Errno::LOOP)),
            ("a/up-and-down/file", Ok(()), Err(Errno::LOOP)),
            ("a/out-and-in", Err(Errno::XDEV), Err(Errno::LOOP)),
            ("out", Err(Errno::XDEV), Err(Errno::LOOP)),
            ("absolute", Err(Errno::XDEV), Err(Errno::LOOP)),
            ("loop", Err(Errno::LOOP), Err(Errno::LOOP)),
            ("dangling", Err(Errno::NOENT), Err(Errno::LOOP)),
            ("here/here/a/b/file", Ok(()), Err(Errno::LOOP)),
            ("to-a/b/file", Ok(()), Err(Errno::LOOP)),
        ];
        for symlinks in [Symlinks::Within, Symlinks::Deny] {
            let mut root = Root::open(&folder, symlinks).unwrap();
            for means in [root.means, Means::Walk] {
                root.means = means;
                for (name, within, denied) in rows {
                    let expected = if symlinks == Symlinks::Deny {
                        denied
                    } else {
                        within
                    };
                    let opened = root.file(name.as_bytes()).map(drop);
                    assert_eq!(opened, expected, "{name} {symlinks:?} {means:?}");
                }
            }
        }
        let root = Root::open(&folder, Symlinks::Follow).unwrap();
        assert!(root.file(b"out").is_ok());
        fs::remove_dir_all(&base).unwrap();
    }
}
