//! What a process of the system does beside serving: its number in a file, its user, its permissions.

use std::fs;
use std::path::PathBuf;

use nix::sys::stat::{Mode, umask};
use nix::unistd::{Gid, Uid, User, geteuid, setgid, setgroups, setuid};

use crate::config::Server;

/// A file with this process's number; removed with it, where the user may do that.
#[derive(Debug)]
pub(crate) struct PidFile(PathBuf);

/// Before the server listens: what is made from here on has the permissions that are set.
pub(crate) fn prepare(server: &Server) -> Result<Option<PidFile>, String> {
    if let Some(bits) = server.umask {
        umask(Mode::from_bits_truncate(bits.0.0 as _));
    }
    let Some(path) = &server.pid_file else {
        return Ok(None);
    };
    fs::write(path, format!("{}\n", std::process::id()))
        .map_err(|error| format!("cannot write {}: {error}", path.display()))?;
    Ok(Some(PidFile(path.clone())))
}

/// Once the server listens, and before there is another thread: becomes the user that was named, for
/// good.
pub(crate) fn become_user(server: &Server) -> Result<(), String> {
    let Some(name) = &server.user else {
        return Ok(());
    };
    let (uid, gid) = find_user(name)?;
    let is_done = geteuid() == uid;
    if is_done {
        return Ok(());
    }
    setgroups(&[gid])
        .and_then(|()| setgid(gid))
        .and_then(|()| setuid(uid))
        .map_err(|error| format!("cannot become {name}: {error}"))?;
    match setuid(Uid::from_raw(0)) {
        Err(_) => Ok(()),
        Ok(()) => Err(format!("{name} can become root again")),
    }
}

/// A user by name, or by numbers as UID:GID.
fn find_user(name: &str) -> Result<(Uid, Gid), String> {
    if let Some((uid, gid)) = name.split_once(':') {
        return match (uid.parse(), gid.parse()) {
            (Ok(uid), Ok(gid)) => Ok((Uid::from_raw(uid), Gid::from_raw(gid))),
            _ => Err(format!("{name}: expected a name, or numbers as UID:GID")),
        };
    }
    match User::from_name(name) {
        Ok(Some(user)) => Ok((user.uid, user.gid)),
        Ok(None) => Err(format!("there is no user {name}")),
        Err(error) => Err(format!("cannot find the user {name}: {error}")),
    }
}

impl Drop for PidFile {
    fn drop(&mut self) {
        // A process that has taken over has written its own number there.
        let own = format!("{}\n", std::process::id());
        if fs::read_to_string(&self.0).is_ok_and(|text| text == own) {
            let _ = fs::remove_file(&self.0);
        }
    }
}
