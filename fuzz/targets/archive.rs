//! The bytes of an archive, without the compression around them, which few mutations would get through.
#![no_main]

use std::io::Write as _;

use bootstrap::bundle::Limits;
use bootstrap::bundle::archive::Archive;
use flate2::Compression;
use flate2::write::GzEncoder;
use libfuzzer_sys::fuzz_target;

const LIMITS: Limits = Limits { entries: 100, bytes: 1 << 20 };

fuzz_target!(|tar: &[u8]| {
    let Ok(folder) = tempfile::tempdir() else { return };
    let path = folder.path().join("a.tar.gz");
    let mut gzip = GzEncoder::new(Vec::new(), Compression::none());
    let compressed = gzip.write_all(tar).and_then(|()| gzip.finish());
    if compressed.and_then(|bytes| std::fs::write(&path, bytes)).is_err() {
        return;
    }
    let Ok(archive) = Archive::open(&path, LIMITS) else { return };
    let to = folder.path().join("to");
    if std::fs::create_dir(&to).is_err() {
        return;
    }
    // A name that is too long for the file system is no fault of the archive.
    let Ok(root) = archive.unpack(&to) else { return };
    assert_eq!(root.parent(), Some(&*to));
    let names = |folder| std::fs::read_dir(folder).into_iter().flatten().count();
    assert_eq!((names(folder.path()), names(&to)), (2, 1), "something lies beside the top folder");
    for entry in archive.listing().entries() {
        let real = root.join(&entry.path).canonicalize();
        assert!(real.is_err() || real.is_ok_and(|real| real.starts_with(&to)), "{entry:?} leads out");
    }
});
