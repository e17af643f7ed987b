//! The members of a `.tar.gz`, one after the other.
//!
//! There are many ways to write an archive that two programs read differently. What is read here is what all
//! of them agree on: one gzip member, POSIX or GNU headers whose own fields say everything, two zero blocks and
//! nothing but zeros behind them.

use std::io::{self, BufRead, Read};

use tar::{EntryType, Header};

use super::gunzip::Gunzip;
use super::{ArchiveError, Unfit, damaged, fill};
use crate::bundle::entry::{Kind, LONGEST};
use crate::bundle::limits::{Exceeded, Limits};

const BLOCK: usize = 512;
/// Most bytes of the records before a member, which hold times and owners.
const MAX_RECORDS: u64 = 64 * 1024;
/// Longest name that stands before a header, in bytes: with the top folder and the `/` of a folder.
const MAX_NAME: usize = LONGEST + 256;
/// Bytes beside its content that a member may take on average: header, records, what fills its last block.
const OVERHEAD: u64 = 4096;
/// Most zeros behind the last member; programs fill up to some kilobytes.
const MAX_PADDING: u64 = 1024 * 1024;
/// Records that change nothing about what is unpacked. Keys with these beginnings are taken too.
const HARMLESS: [&str; 8] = ["mtime", "atime", "ctime", "uid", "gid", "uname", "gname", "comment"];
const HARMLESS_PREFIXES: [&str; 2] = ["SCHILY.", "LIBARCHIVE."];

/// What the header of a member says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Its name, as it is written, without a `/` at its end.
    pub name: String,
    /// What it is.
    pub kind: Kind,
}

/// An archive, read from its beginning to its end.
pub struct Stream {
    gzip: Gunzip,
    limits: Limits,
    /// Bytes that were decompressed, and members that they gave.
    read: u64,
    members: u64,
    /// Bytes of the current member that were not read yet, and those that fill its last block.
    left: u64,
    padding: u64,
}

impl Stream {
    /// Starts to read.
    pub fn new(reader: impl BufRead + Send + 'static, limits: Limits) -> Result<Self, ArchiveError> {
        let gzip = Gunzip::new(reader).map_err(ArchiveError::Unreadable)?;
        Ok(Self { gzip, limits, read: 0, members: 0, left: 0, padding: 0 })
    }

    /// The next member; nothing once the archive has ended as it should.
    pub fn next(&mut self) -> Result<Option<Member>, ArchiveError> {
        let mut before = Before::default();
        loop {
            self.skip()?;
            self.allow()?;
            let mut block = [0; BLOCK];
            fill(&mut self.gzip, &mut block)?;
            self.read += BLOCK as u64;
            if block == [0; BLOCK] && before == Before::default() {
                return self.end().map(|()| None);
            }
            let header = Header::from_byte_slice(&block);
            if !is_whole(header, &block) {
                return Err(ArchiveError::Damaged("a header is broken".into()));
            }
            let size = size(header)?;
            self.padding = size.next_multiple_of(BLOCK as u64) - size;
            self.left = size;
            match header.entry_type() {
                EntryType::XGlobalHeader if !before.records => {
                    let all = self.records()?;
                    let why = all.unfit.or(all.name.map(|_| Unfit::Override("path".into())));
                    if let Some(why) = why.or(all.link.map(|_| Unfit::Override("linkpath".into()))) {
                        return Err(ArchiveError::Unfit { entry: name(header)?, why });
                    }
                }
                EntryType::XHeader if before == Before::default() => before = self.records()?,
                EntryType::GNULongName if before.name.is_none() && !before.records => {
                    before.name = Some(self.long_name()?);
                }
                EntryType::GNULongLink if before.link.is_none() && !before.records => {
                    before.link = Some(self.long_name()?);
                }
                other => {
                    let name = match before.name.take() {
                        Some(name) => name.strip_suffix('/').map_or(name.clone(), str::to_owned),
                        None => name(header)?,
                    };
                    let kind =
                        before.unfit.take().map_or_else(|| kind(header, other, size, before.link), Err);
                    self.members += 1;
                    return match kind {
                        Ok(kind) => Ok(Some(Member { name, kind })),
                        Err(why) => Err(ArchiveError::Unfit { entry: name, why }),
                    };
                }
            }
        }
    }

    /// Has as much been decompressed as so many members have reason to be? What files hold is counted before it is read.
    fn allow(&self) -> Result<(), Exceeded> {
        let overhead = (self.members + 1).saturating_mul(OVERHEAD).saturating_add(MAX_RECORDS);
        if self.read > self.limits.bytes.saturating_add(overhead) {
            return Err(Exceeded::Bytes(self.limits.bytes));
        }
        Ok(())
    }

    /// The bytes of the member that `next` gave.
    pub fn data(&mut self) -> impl BufRead {
        Data { stream: self }
    }

    /// What is left of a member, and what fills its last block.
    fn skip(&mut self) -> Result<(), ArchiveError> {
        self.left += std::mem::take(&mut self.padding);
        let mut data = self.data();
        loop {
            match data.fill_buf().map_err(damaged)?.len() {
                0 => return Ok(()),
                bytes => data.consume(bytes),
            }
        }
    }

    /// What stands before a member, for it alone.
    fn extension(&mut self) -> Result<Vec<u8>, ArchiveError> {
        if self.left > MAX_RECORDS {
            return Err(broken());
        }
        let mut bytes = Vec::new();
        self.data().read_to_end(&mut bytes).map_err(damaged)?;
        Ok(bytes)
    }

    /// A name in the form of GNU, which ends with a zero.
    fn long_name(&mut self) -> Result<String, ArchiveError> {
        let mut bytes = self.extension()?;
        if bytes.pop() != Some(0) || bytes.contains(&0) {
            return Err(broken());
        }
        let name = String::from_utf8(bytes).map_err(|error| {
            let entry = String::from_utf8_lossy(error.as_bytes()).into_owned();
            ArchiveError::Unfit { entry, why: Unfit::NotUtf8 }
        })?;
        if name.len() > MAX_NAME {
            return Err(ArchiveError::Unfit { entry: name, why: TOO_LONG });
        }
        Ok(name)
    }

    /// Records before a member: beside its name and link, none may say what belongs in its header.
    fn records(&mut self) -> Result<Before, ArchiveError> {
        let bytes = self.extension()?;
        let mut before = Before { records: true, ..Before::default() };
        let mut rest = bytes.as_slice();
        // `LENGTH KEY=VALUE\n`, where LENGTH counts itself.
        while !rest.is_empty() {
            let blank = rest.iter().position(|byte| *byte == b' ').ok_or_else(broken)?;
            let length = std::str::from_utf8(&rest[..blank]).ok().and_then(|digits| digits.parse().ok());
            let length =
                length.filter(|length| (blank + 2..=rest.len()).contains(length)).ok_or_else(broken)?;
            let (record, after) = rest.split_at(length);
            let record = record[blank + 1..].strip_suffix(b"\n").ok_or_else(broken)?;
            let end = record.iter().position(|byte| *byte == b'=').ok_or_else(broken)?;
            let key = String::from_utf8_lossy(&record[..end]);
            let place = match &*key {
                "path" => &mut before.name,
                "linkpath" => &mut before.link,
                key => {
                    let is_harmless = HARMLESS.contains(&key)
                        || HARMLESS_PREFIXES.iter().any(|prefix| key.starts_with(prefix));
                    if !is_harmless {
                        before.unfit = Some(Unfit::Override(key.into()));
                    }
                    rest = after;
                    continue;
                }
            };
            match String::from_utf8(record[end + 1..].to_vec()) {
                _ if place.is_some() => before.unfit = Some(Unfit::Type("named twice")),
                Ok(name) if name.len() > MAX_NAME => before.unfit = Some(TOO_LONG),
                Ok(name) => *place = Some(name),
                Err(_) => before.unfit = Some(Unfit::NotUtf8),
            }
            rest = after;
        }
        Ok(before)
    }

    /// Reads what is behind the first block of zeros.
    fn end(&mut self) -> Result<(), ArchiveError> {
        let hidden = || ArchiveError::Damaged("something follows its end".into());
        let mut piece = [0; 4096];
        let mut zeros = 0;
        loop {
            match self.gzip.read(&mut piece).map_err(damaged)? {
                0 if zeros < BLOCK as u64 => return Err(damaged(io::ErrorKind::UnexpectedEof.into())),
                0 => break,
                read if piece[..read].iter().any(|byte| *byte != 0) => return Err(hidden()),
                read => zeros += read as u64,
            }
            if zeros > MAX_PADDING {
                return Err(hidden());
            }
        }
        Ok(())
    }
}

const TOO_LONG: Unfit = Unfit::Type("of a name that is too long");

fn broken() -> ArchiveError {
    ArchiveError::Damaged("the records before an entry are broken".into())
}

/// What the blocks before a header say of its member.
#[derive(Default, PartialEq, Eq)]
struct Before {
    /// Were there records, of which a member has one set?
    records: bool,
    name: Option<String>,
    link: Option<String>,
    /// What is wrong with them. It is told of the member.
    unfit: Option<Unfit>,
}

/// What is left of a member.
struct Data<'s> {
    stream: &'s mut Stream,
}

impl BufRead for Data<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        let left = usize::try_from(self.stream.left).unwrap_or(usize::MAX);
        if left == 0 {
            return Ok(&[]);
        }
        match self.stream.gzip.fill_buf()? {
            [] => Err(io::ErrorKind::UnexpectedEof.into()),
            bytes => Ok(&bytes[..bytes.len().min(left)]),
        }
    }

    fn consume(&mut self, bytes: usize) {
        self.stream.gzip.consume(bytes);
        self.stream.left -= bytes as u64;
        self.stream.read += bytes as u64;
    }
}

impl Read for Data<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.fill_buf()?.read(buffer)?;
        self.consume(read);
        Ok(read)
    }
}

/// Of a kind that is known, with the checksum that it says.
fn is_whole(header: &Header, block: &[u8; BLOCK]) -> bool {
    let checksum = 148..156;
    let sum = |(at, byte): (usize, &u8)| u32::from(if checksum.contains(&at) { b' ' } else { *byte });
    let known = header.as_ustar().is_some() || header.as_gnu().is_some();
    known && header.cksum().is_ok_and(|said| said == block.iter().enumerate().map(sum).sum::<u32>())
}

fn name(header: &Header) -> Result<String, ArchiveError> {
    let bytes = header.path_bytes();
    let bytes = bytes.strip_suffix(b"/").unwrap_or(&bytes);
    std::str::from_utf8(bytes).map(str::to_owned).map_err(|_| ArchiveError::Unfit {
        entry: String::from_utf8_lossy(bytes).into_owned(),
        why: Unfit::NotUtf8,
    })
}

/// The length that the header says, in octal digits: the other form is for more than any bundle holds.
fn size(header: &Header) -> Result<u64, ArchiveError> {
    let is_binary = header.as_old().size[0] & 0x80 != 0;
    let size = header.entry_size().ok().filter(|_| !is_binary);
    size.ok_or_else(|| ArchiveError::Unfit {
        entry: String::from_utf8_lossy(&header.path_bytes()).into_owned(),
        why: Unfit::Type("of a size that is not a number"),
    })
}

fn kind(header: &Header, entry_type: EntryType, size: u64, link: Option<String>) -> Result<Kind, Unfit> {
    let mode = header.mode().unwrap_or_default();
    match entry_type {
        EntryType::Regular | EntryType::Directory if link.is_some() => {
            Err(Unfit::Type("no link and yet has a target"))
        }
        EntryType::Regular => Ok(Kind::File { bytes: size, executable: mode & 0o111 != 0 }),
        EntryType::Directory | EntryType::Symlink if size != 0 => {
            Err(Unfit::Type("no file and yet has content"))
        }
        EntryType::Directory => Ok(Kind::Folder),
        EntryType::Symlink => {
            let own = || String::from_utf8(header.link_name_bytes().unwrap_or_default().into_owned());
            let target = link.map_or_else(own, Ok).map_err(|_| Unfit::NotUtf8)?;
            Ok(Kind::Link { target })
        }
        EntryType::Link => Err(Unfit::Type("a hard link")),
        EntryType::Char | EntryType::Block => Err(Unfit::Type("a device")),
        EntryType::Fifo => Err(Unfit::Type("a pipe")),
        EntryType::GNUSparse => Err(Unfit::Type("a sparse file")),
        EntryType::GNULongName | EntryType::GNULongLink => Err(Unfit::Type("a second name")),
        EntryType::XHeader | EntryType::XGlobalHeader => Err(Unfit::Type("a second set of records")),
        _ => Err(Unfit::Type("of a type that is not known")),
    }
}
