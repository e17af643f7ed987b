//! What an archive holds.

use std::io::BufRead;

use super::stream::{Member, Stream};
use super::{ArchiveError, Unfit};
use crate::bundle::entry::{Entry, Kind, Misfit, Paths, straight};
use crate::bundle::limits::Limits;

/// The entries of an archive, each of which may be unpacked beside the others.
#[derive(Debug)]
pub struct Listing {
    top: String,
    members: Vec<Member>,
}

impl Listing {
    /// Reads an archive to its end.
    ///
    /// # Errors
    /// [`ArchiveError`], but nothing about writing.
    pub fn read(reader: impl BufRead + Send + 'static, limits: Limits) -> Result<Self, ArchiveError> {
        let mut stream = Stream::new(reader, limits)?;
        let mut listing = Self { top: String::new(), members: Vec::new() };
        let (mut paths, mut total) = (Paths::default(), 0_u64);
        while let Some(member) = stream.next()? {
            listing
                .admit(&member, &mut paths)
                .map_err(|why| ArchiveError::Unfit { entry: member.name.clone(), why })?;
            if let Kind::File { bytes, .. } = member.kind {
                total = total.saturating_add(bytes);
            }
            listing.members.push(member);
            // Folders that only show in the paths of others are made as well.
            limits.allow(paths.len() + 1, total)?;
        }
        if listing.members.is_empty() {
            return Err(ArchiveError::Damaged("it is empty".into()));
        }
        Ok(listing)
    }

    /// The name of the one folder that everything lies in.
    #[must_use]
    pub fn top(&self) -> &str {
        &self.top
    }

    /// What lies in the top folder.
    pub fn entries(&self) -> impl Iterator<Item = Entry> {
        self.members.iter().filter_map(|member| {
            let path = self.path_of(&member.name)?.to_owned();
            Some(Entry { path, kind: member.kind.clone() })
        })
    }

    pub(super) fn members(&self) -> &[Member] {
        &self.members
    }

    /// The path of a member below the top folder; nothing for that folder itself.
    pub(super) fn path_of<'n>(&self, name: &'n str) -> Option<&'n str> {
        plain(name).strip_prefix(&self.top)?.strip_prefix('/')
    }

    fn admit(&mut self, member: &Member, paths: &mut Paths) -> Result<(), Unfit> {
        // What `tar c .` writes first.
        if member.name == "." {
            return Err(Unfit::BesideTop);
        }
        // Before it is compared with the top folder: `/x` is absolute, and only then beside it.
        straight(plain(&member.name))?;
        if self.members.is_empty() {
            self.top = plain(&member.name).split('/').next().unwrap_or_default().to_owned();
        }
        match self.path_of(&member.name) {
            Some(path) => Ok(paths.take(&Entry { path: path.to_owned(), kind: member.kind.clone() })?),
            None if plain(&member.name) != self.top || member.kind != Kind::Folder => Err(Unfit::BesideTop),
            None if self.members.iter().any(|other| plain(&other.name) == self.top) => {
                Err(Misfit::Twice.into())
            }
            None => Ok(()),
        }
    }
}

/// Without the `./` that some programs write first.
fn plain(name: &str) -> &str {
    name.strip_prefix("./").unwrap_or(name)
}
