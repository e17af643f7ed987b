//! A user of this machine, and what they may do with its files.

use std::ffi::CString;
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt as _;

use nix::unistd::{User, getgrouplist};

/// Reading a file: bits of one digit of its mode.
pub const READ: u32 = 0o4;
/// Writing a file.
pub const WRITE: u32 = 0o2;
/// Making files in a folder.
pub const MAKE: u32 = 0o3;

/// Whom the file system takes somebody for.
#[derive(Debug)]
pub struct Identity {
    uid: Option<u32>,
    gids: Vec<u32>,
}

impl Identity {
    /// A user who has no groups but one of the same number.
    pub fn numbered(id: u32) -> Self {
        Self { uid: Some(id), gids: vec![id] }
    }

    /// A user who owns nothing yet, and has no groups.
    pub const fn stranger() -> Self {
        Self { uid: None, gids: Vec::new() }
    }

    /// A user of this machine, with all their groups; `None` where there is no such user.
    pub fn named(name: &str) -> Option<Self> {
        let user = User::from_name(name).ok().flatten()?;
        let groups = getgrouplist(&CString::new(name).ok()?, user.gid).ok()?;
        Some(Self {
            uid: Some(user.uid.as_raw()),
            gids: groups.into_iter().map(nix::unistd::Gid::as_raw).collect(),
        })
    }

    /// Whether these bits of a digit of the mode are theirs.
    pub fn may(&self, right: u32, metadata: &Metadata) -> bool {
        let mode = metadata.mode();
        let rights = if self.uid == Some(metadata.uid()) {
            mode >> 6
        } else if self.gids.contains(&metadata.gid()) {
            mode >> 3
        } else {
            mode
        };
        rights & right == right
    }
}
