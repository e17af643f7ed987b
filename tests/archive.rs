//! Archives through the real binary: the same bytes wherever they are packed, and nothing written of a hostile one.
#![allow(clippy::unwrap_used, clippy::expect_used)] // helpers of tests fail as tests do

#[path = "support/bench.rs"]
mod bench;

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use bootstrap::bundle::archive::{Archive, ArchiveError};
use bootstrap::bundle::{Kind, Limits};
use flate2::Compression;
use flate2::write::GzEncoder;
use proptest::prelude::*;
use serde_json::Value;
use tar::{EntryType, Header};
use tempfile::TempDir;

const MANIFEST: &str = "schema_version: \"0.1\"\nname: b\nversion: \"1.0\"\npython:\n  version: \">=3.9\"\nentrypoint:\n  kind: \
                        python_function\n  module: src.runner\n  function: predict\nenvironment:\n  pip_requirements: \
                        requirements.txt\n";

/// The bundle `b` with what an archive leaves out beside it.
fn bundle() -> TempDir {
    let folder = TempDir::new().unwrap();
    let files = [
        ("model.yaml", MANIFEST),
        (
            "requirements.txt",
            "NumPy==1.26.4 --hash=sha256:abababababababababababababababababababababababababababababababab\nrequests @ https://me:hidden@example.com/r.whl\n-c limits.txt\nscipy\n",
        ),
        ("limits.txt", "scipy==1.13.1\n"),
        ("src/runner.py", "def predict():\n    return 0.5\n"),
        ("src/__pycache__/runner.cpython-311.pyc", "x"),
        ("src/.ipynb_checkpoints/runner-checkpoint.py", "x"),
        ("artifacts/weights.bin", "weights"),
        ("artifacts/notes.md", "left out"),
        ("artifacts/keep.md", "kept"),
        (".env.local", "TOKEN=1"),
        (".git/config", "x"),
        (".venv/lib/x", "x"),
        ("dist/old.tar.gz", "x"),
        (".bundleignore", "*.md\n!keep.md\n/scratch/\n"),
        ("scratch/large", "x"),
        ("run.sh", "#!/bin/sh\n"),
    ];
    for (name, text) in files {
        write(&folder.path().join("b").join(name), text);
    }
    let b = folder.path().join("b");
    fs::set_permissions(b.join("run.sh"), PermissionsExt::from_mode(0o700)).unwrap();
    symlink("../model.yaml", b.join("src/link")).unwrap();
    fs::create_dir(b.join("empty")).unwrap();
    folder
}

fn write(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

/// `bootstrap` in a folder, with this as its folder for temporary files.
fn bootstrap(folder: &Path, arguments: &[&str]) -> Output {
    let temporary = folder.join("tmp");
    fs::create_dir_all(&temporary).unwrap();
    bench::bare().current_dir(folder).env("TMPDIR", temporary).args(arguments).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Packs `b`. Gives the path that was printed.
fn pack(folder: &Path, arguments: &[&str]) -> PathBuf {
    let output = bootstrap(folder, &[&["pack", "b"], arguments].concat());
    assert!(output.status.success(), "{}", text(&output.stderr));
    folder.join(text(&output.stdout).trim_end())
}

/// Every path below a folder, with what the file or link holds.
fn content(root: &Path) -> BTreeMap<PathBuf, Option<Vec<u8>>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
            let path = entry.path();
            let kind = entry.file_type().unwrap();
            let held = if kind.is_dir() {
                folders.push(path.clone());
                None
            } else if kind.is_symlink() {
                Some(path.read_link().unwrap().into_os_string().into_encoded_bytes())
            } else {
                Some(fs::read(&path).unwrap())
            };
            found.insert(path.strip_prefix(root).unwrap().to_owned(), held);
        }
    }
    found
}

#[test]
fn an_archive_holds_the_bundle_and_nothing_of_the_machine() {
    let folder = bundle();
    let path = pack(folder.path(), &[]);
    assert_eq!(path, folder.path().join("b/dist/b-1.0.tar.gz"));
    let mut tar = Vec::new();
    flate2::bufread::GzDecoder::new(&*fs::read(&path).unwrap()).read_to_end(&mut tar).unwrap();
    let mut archive = tar::Archive::new(&*tar);
    let members: Vec<String> = archive
        .entries()
        .unwrap()
        .map(Result::unwrap)
        .map(|entry| {
            let header = entry.header();
            let owner = (header.uid().unwrap(), header.gid().unwrap(), header.mtime().unwrap());
            assert_eq!(owner, (0, 0, 0));
            assert_eq!((header.username(), header.groupname()), (Ok(Some("")), Ok(Some(""))));
            format!("{:o} {}", header.mode().unwrap(), entry.path().unwrap().display())
        })
        .collect();
    insta::assert_snapshot!(members.join("\n"));
}

/// Another umask, other times, another order of creation, another place, locale and time zone.
#[test]
fn the_same_files_give_the_same_bytes() {
    let (here, there) = (bundle(), TempDir::new().unwrap());
    let files = content(&here.path().join("b"));
    for (path, held) in files.iter().rev() {
        let (from, to) = (here.path().join("b").join(path), there.path().join("elsewhere/b").join(path));
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        match held {
            None => fs::create_dir_all(&to).unwrap(),
            Some(_) if from.is_symlink() => symlink(from.read_link().unwrap(), &to).unwrap(),
            Some(bytes) => {
                fs::write(&to, bytes).unwrap();
                let executable = fs::metadata(&from).unwrap().permissions().mode() & 0o111 != 0;
                fs::set_permissions(&to, PermissionsExt::from_mode(if executable { 0o755 } else { 0o600 }))
                    .unwrap();
                fs::File::open(&to).unwrap().set_modified(std::time::SystemTime::UNIX_EPOCH).unwrap();
            }
        }
    }
    let one = pack(here.path(), &["-o", "out"]);
    let script =
        format!("umask 077; exec {} pack elsewhere/b -o elsewhere/b/out", env!("CARGO_BIN_EXE_bootstrap"));
    // Twice: what was packed into the bundle itself is no part of it.
    for _ in 0..2 {
        let mut other = Command::new("sh");
        other
            .current_dir(there.path())
            .args(["-c", &script])
            .env("LC_ALL", "tr_TR.UTF-8")
            .env("TZ", "Asia/Tokyo");
        let output = other.output().unwrap();
        assert!(output.status.success(), "{}", text(&output.stderr));
        for name in ["b-1.0.tar.gz", "b-1.0.cdx.json"] {
            let (one, other) = (one.with_file_name(name), there.path().join("elsewhere/b/out").join(name));
            assert!(fs::read(one).unwrap() == fs::read(other).unwrap(), "{name} differs");
        }
    }
    assert!(Command::new("tar").arg("tzf").arg(&one).output().unwrap().status.success());
}

#[test]
fn an_archive_is_checked_as_its_folder_is() {
    let folder = bundle();
    let path = pack(folder.path(), &["-o", "."]);
    // Where its packages can be installed is another place.
    let checked = |what: &str| {
        let output = bootstrap(folder.path(), &["check", "--json", what]);
        let mut answer: Value = serde_json::from_slice(&output.stdout).unwrap();
        answer["problems"]
            .as_array_mut()
            .unwrap()
            .iter_mut()
            .for_each(|problem| problem["fix"] = Value::Null);
        answer
    };
    assert_eq!(checked(path.to_str().unwrap()), checked("b"));
    assert_eq!(content(&folder.path().join("tmp")), BTreeMap::new());
    let archive = Archive::open(&path, Limits::DEFAULT).unwrap();
    let entries: Vec<_> = archive.listing().entries().collect();
    assert!(
        entries
            .iter()
            .any(|entry| entry.path == "run.sh" && matches!(entry.kind, Kind::File { executable: true, .. }))
    );
    let to = TempDir::new().unwrap();
    let root = archive.unpack(to.path()).unwrap();
    assert_eq!(root, to.path().join("b"));
    let unpacked = content(&root);
    assert_eq!(unpacked.len(), entries.len());
    for (path, held) in unpacked {
        assert!(content(&folder.path().join("b"))[&path] == held, "{} differs", path.display());
    }
}

#[test]
fn the_list_of_components_names_what_is_required() {
    let folder = bundle();
    let path = pack(folder.path(), &["-o", "out"]).with_file_name("b-1.0.cdx.json");
    let document: Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    assert!(!document.to_string().contains("hidden"));
    insta::assert_json_snapshot!(document);
}

/// Wheels, repositories and URLs: a name where one shows, a version, where it is from, and what it is known by.
#[test]
fn what_comes_from_no_index_is_listed_with_its_source() {
    let folder = bundle();
    write(&folder.path().join("b/wheels/parcel-1.0+cpu-py3-none-any.whl"), "a wheel");
    let commit = "0123456789abcdef0123456789abcdef01234567";
    let requirements = format!(
        "./wheels/parcel-1.0+cpu-py3-none-any.whl\n\
         -e git+https://me:hidden@example.com/part@{commit}#egg=part\n\
         whole @ git+ssh://git@example.com/whole@{commit}\n\
         https://me:hidden@example.com/files/Model_A-2.0-py3-none-any.whl#sha256={}\n\
         https://example.com/download?id=1\n",
        "cd".repeat(32)
    );
    write(&folder.path().join("b/requirements.txt"), &requirements);
    let path = pack(folder.path(), &["-o", "out"]).with_file_name("b-1.0.cdx.json");
    let document: Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    assert!(!document.to_string().contains("hidden"));
    insta::assert_json_snapshot!(document["components"]);
}

#[test]
fn what_must_not_leave_is_not_packed() {
    let phrase = "abandon ".repeat(11) + "about";
    let elsewhere =
        |module: &str, more: &str| MANIFEST.replace("src.runner", module).replace("predict\n", more);
    let cases: [(&str, &str, &str); 11] = [
        ("src/key.py", &phrase, "mnemonic"),
        ("deploy/wallet.key", "x", "name of a key"),
        (".bundleignore", "requirements.txt\n", "left out"),
        (".bundleignore", "src/\n", "src/runner.py"),
        (".bundleignore", "limits.txt\n", "limits.txt"),
        ("model.yaml", &elsewhere("dist.runner", "predict\n"), "dist/runner.py"),
        ("model.yaml", &elsewhere("src.runner", "predict\n  workdir: dist\n"), "`dist`"),
        ("model.yaml", &elsewhere("src.runner", "predict\n  artifacts_dir: scratch\n"), "`scratch`"),
        ("model.yaml", "name: [", "model.yaml"),
        ("requirements.txt", "-r gone.txt\n", "`gone.txt` is not there"),
        ("limits.txt", "a==1\n-c ../outside.txt\n", "`../outside.txt` is outside"),
    ];
    for (name, held, says) in cases {
        let folder = bundle();
        write(&folder.path().join("b/dist/runner.py"), "def predict():\n    return 0.5\n");
        write(&folder.path().join("b").join(name), held);
        let output = bootstrap(folder.path(), &["pack", "b", "-o", "out"]);
        assert_eq!(output.status.code(), Some(65), "{name}: {held}");
        assert!(
            text(&output.stderr).contains(says) && !text(&output.stderr).contains("abandon"),
            "{name}: {}",
            text(&output.stderr)
        );
        let left = fs::read_dir(folder.path().join("out")).map_or(0, Iterator::count);
        assert_eq!((left, text(&output.stdout)), (0, String::new()), "{name}");
    }
    let folder = bundle();
    symlink("/etc/passwd", folder.path().join("b/out")).unwrap();
    assert_eq!(bootstrap(folder.path(), &["pack", "b"]).status.code(), Some(65));
    assert_eq!(bootstrap(folder.path(), &["pack", "nowhere"]).status.code(), Some(66));
}

/// Longer than a header has room for, as names and as targets of links.
#[test]
fn long_names_are_packed_and_read_again() {
    let folder = bundle();
    let b = folder.path().join("b");
    let names = ["é".repeat(120), format!("{}/x", "n".repeat(120)), vec!["m".repeat(60); 4].join("/")];
    for name in &names {
        write(&b.join(name), name);
    }
    symlink(&names[2], b.join("to")).unwrap();
    let path = pack(folder.path(), &["-o", "out"]);
    let archive = Archive::open(&path, Limits::DEFAULT).unwrap();
    let to = TempDir::new().unwrap();
    let unpacked = content(&archive.unpack(to.path()).unwrap());
    for name in &names {
        assert_eq!(unpacked.get(Path::new(name)), Some(&Some(name.clone().into_bytes())));
    }
    assert_eq!(unpacked[Path::new("to")], Some(names[2].clone().into_bytes()));
    let listed = Command::new("tar").args(["--quoting-style=literal", "-tzf"]).arg(&path).output().unwrap();
    assert!(names.iter().all(|name| text(&listed.stdout).contains(name)), "{}", text(&listed.stdout));

    // What no program reads again is told before anything is packed.
    write(&b.join(vec!["d".repeat(200); 6].join("/")), "x");
    for verb in ["check", "pack"] {
        let output = bootstrap(folder.path(), &[verb, "b"]);
        let told = text(&output.stdout) + &text(&output.stderr);
        assert!(!output.status.success() && told.contains("more than 1024 bytes"), "{verb}: {told}");
    }
}

/// The blocks of an archive, written by hand: programs refuse to write most of these.
#[derive(Clone)]
struct Tar(Vec<u8>);

impl Tar {
    fn new() -> Self {
        Self(Vec::new()).folder("b")
    }

    fn add(
        mut self,
        name: &[u8],
        kind: EntryType,
        link: &str,
        data: &[u8],
        change: impl Fn(&mut Header),
    ) -> Self {
        let mut header = Header::new_ustar();
        header.as_old_mut().name[..name.len()].copy_from_slice(name);
        header.as_old_mut().linkname[..link.len()].copy_from_slice(link.as_bytes());
        header.set_entry_type(kind);
        header.set_mode(0o644);
        header.set_size(data.len() as u64);
        change(&mut header);
        header.set_cksum();
        self.0.extend_from_slice(header.as_bytes());
        self.0.extend_from_slice(data);
        self.0.resize(self.0.len().next_multiple_of(512), 0);
        self
    }

    fn folder(self, name: &str) -> Self {
        self.add(name.as_bytes(), EntryType::Directory, "", b"", |_| ())
    }

    fn file(self, name: &str) -> Self {
        self.add(name.as_bytes(), EntryType::Regular, "", b"x", |_| ())
    }

    fn link(self, name: &str, target: &str) -> Self {
        self.add(name.as_bytes(), EntryType::Symlink, target, b"", |_| ())
    }

    fn of_type(self, kind: EntryType) -> Self {
        self.add(b"b/x", kind, "b", b"", |_| ())
    }

    fn records(self, kind: EntryType, record: &str) -> Self {
        // The length counts its own digits, the blank and the line's end.
        let rest = record.len() + 2;
        let digits = if rest + 2 < 100 { 2 } else { 4 };
        let record = format!("{} {record}\n", rest + digits);
        self.add(b"b/pax", kind, "", record.as_bytes(), |_| ())
    }

    /// A name before its header, in the form of GNU.
    fn long(self, kind: EntryType, name: &str) -> Self {
        self.add(b"././@LongLink", kind, "", &[name.as_bytes(), b"\0"].concat(), |_| ())
    }

    fn end(mut self) -> Vec<u8> {
        self.0.extend([0; 1024]);
        self.0
    }

    fn gzip(self) -> Vec<u8> {
        gzip(&self.end())
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// What no archive of a bundle is: a name, its bytes, the code and some words of the problem.
fn hostile() -> Vec<(&'static str, Vec<u8>, &'static str, &'static str)> {
    let good = || Tar::new().file("b/model.yaml");
    let whole = good().gzip();
    let with = |more: &[u8]| [&whole, more].concat();
    let sized = |size: u64| good().add(b"b/x", EntryType::Regular, "", b"", |header| header.set_size(size));
    vec![
        ("absolute", Tar::new().file("/etc/x").gzip(), "unfit-entry", "absolute"),
        ("parent", Tar::new().file("b/../../x").gzip(), "unfit-entry", "parts that are not names"),
        ("parent first", Tar::new().file("../x").gzip(), "unfit-entry", "parts that are not names"),
        ("dot inside", Tar::new().file("b/./x").gzip(), "unfit-entry", "parts that are not names"),
        ("beside", good().file("c").gzip(), "unfit-entry", "top folder"),
        ("beside, alike", good().file("bb/x").gzip(), "unfit-entry", "top folder"),
        ("no top", Tar(Vec::new()).folder("./").file("./model.yaml").gzip(), "unfit-entry", "top folder"),
        ("a file as top", Tar(Vec::new()).file("b").gzip(), "unfit-entry", "top folder"),
        ("twice", good().file("b/model.yaml").gzip(), "unfit-entry", "twice"),
        ("top twice", good().folder("b").gzip(), "unfit-entry", "twice"),
        ("case", good().file("b/MODEL.yaml").gzip(), "unfit-entry", "case only"),
        ("case of a folder", good().file("b/a/x").file("b/A/y").gzip(), "unfit-entry", "case only"),
        (
            "composed letters",
            good().file("b/caf\u{e9}").file("b/cafe\u{301}").gzip(),
            "unfit-entry",
            "compose letters",
        ),
        ("a dot at the end", good().file("b/x").file("b/x.").gzip(), "unfit-entry", "at the end"),
        ("a blank at the end", good().file("b/a /x").file("b/a/y").gzip(), "unfit-entry", "at the end"),
        ("case beyond ASCII", good().file("b/straße").file("b/STRASSE").gzip(), "unfit-entry", "case only"),
        (
            "not UTF-8",
            good().add(b"b/\xff", EntryType::Regular, "", b"", |_| ()).gzip(),
            "unfit-entry",
            "UTF-8",
        ),
        (
            "link to a file outside",
            good().link("b/l", "/etc/passwd").gzip(),
            "unfit-entry",
            "leaves the bundle",
        ),
        ("link up", good().link("b/l", "..").gzip(), "unfit-entry", "leaves the bundle"),
        (
            "link up by a link",
            good().link("b/a/l", "..").link("b/m", "a/l/..").gzip(),
            "unfit-entry",
            "leaves the bundle",
        ),
        ("through a link", good().link("b/l", "src").file("b/l/x").gzip(), "unfit-entry", "not a folder"),
        (
            "a link in place of a folder",
            good().file("b/l/x").link("b/l", "src").gzip(),
            "unfit-entry",
            "twice",
        ),
        ("below a file", good().file("b/model.yaml/x").gzip(), "unfit-entry", "not a folder"),
        ("hard link", good().of_type(EntryType::Link).gzip(), "unfit-entry", "hard link"),
        ("device", good().of_type(EntryType::Char).gzip(), "unfit-entry", "device"),
        ("block device", good().of_type(EntryType::Block).gzip(), "unfit-entry", "device"),
        ("pipe", good().of_type(EntryType::Fifo).gzip(), "unfit-entry", "pipe"),
        ("sparse", good().of_type(EntryType::GNUSparse).gzip(), "unfit-entry", "sparse"),
        (
            "long name",
            good().long(EntryType::GNULongName, "../x").file("b/x").gzip(),
            "unfit-entry",
            "`../x`: its path has parts",
        ),
        (
            "long link",
            good().long(EntryType::GNULongLink, "/x").link("b/l", "x").gzip(),
            "unfit-entry",
            "`b/l`: it is a link that leaves",
        ),
        (
            "long name twice",
            good().long(EntryType::GNULongName, "b/y").long(EntryType::GNULongName, "b/z").file("b/x").gzip(),
            "unfit-entry",
            "second name",
        ),
        (
            "long name and records",
            good()
                .long(EntryType::GNULongName, "b/y")
                .records(EntryType::XHeader, "path=b/z")
                .file("b/x")
                .gzip(),
            "unfit-entry",
            "second",
        ),
        (
            "monstrous name",
            good().long(EntryType::GNULongName, &format!("b/{}", "n".repeat(2000))).file("b/x").gzip(),
            "unfit-entry",
            "too long",
        ),
        ("a name for nothing", good().long(EntryType::GNULongName, "b/x").gzip(), "damaged", "header"),
        ("unheard of", good().of_type(EntryType::new(b'V')).gzip(), "unfit-entry", "not known"),
        (
            "pax path",
            good().records(EntryType::XHeader, "path=../x").file("b/x").gzip(),
            "unfit-entry",
            "`../x`: its path has parts",
        ),
        (
            "pax linkpath",
            good().records(EntryType::XHeader, "linkpath=/x").link("b/l", "x").gzip(),
            "unfit-entry",
            "`b/l`: it is a link that leaves",
        ),
        (
            "pax size",
            good().records(EntryType::XHeader, "size=99999").file("b/x").gzip(),
            "unfit-entry",
            "`b/x`: the record `size`",
        ),
        (
            "pax sparse",
            good().records(EntryType::XHeader, "GNU.sparse.major=1").file("b/x").gzip(),
            "unfit-entry",
            "sparse",
        ),
        (
            "pax for all",
            good().records(EntryType::XGlobalHeader, "path=../x").file("b/x").gzip(),
            "unfit-entry",
            "`path`",
        ),
        (
            "pax twice",
            good().records(EntryType::XHeader, "mtime=1.5").records(EntryType::XHeader, "mtime=1.5").gzip(),
            "unfit-entry",
            "second",
        ),
        (
            "pax broken",
            good().add(b"b/pax", EntryType::XHeader, "", b"9999 path=x\n", |_| ()).file("b/x").gzip(),
            "damaged",
            "records",
        ),
        ("pax and nothing", good().records(EntryType::XHeader, "mtime=1.5").gzip(), "damaged", "header"),
        (
            "link with content",
            good().add(b"b/l", EntryType::Symlink, "x", b"data", |_| ()).gzip(),
            "unfit-entry",
            "has content",
        ),
        (
            "binary size",
            good()
                .add(b"b/x", EntryType::Regular, "", b"", |header| header.as_old_mut().size[0] = 0x80)
                .gzip(),
            "unfit-entry",
            "not a number",
        ),
        ("large", sized(3 << 30).gzip(), "too-large", "bytes"),
        (
            "too many",
            (0..20_000).fold(good(), |tar, at| tar.file(&format!("b/{at}"))).gzip(),
            "too-large",
            "entries",
        ),
        (
            "too many folders",
            (0..500).fold(good(), |tar, at| tar.file(&format!("b/{at}{}", "/d".repeat(45)))).gzip(),
            "too-large",
            "entries",
        ),
        ("a bomb of zeros", gzip(&[good().end(), vec![0; 8 << 20]].concat()), "damaged", "follows its end"),
        ("cut", whole[..whole.len() - 9].to_vec(), "damaged", "too early"),
        ("cut inside", gzip(&good().0), "damaged", "too early"),
        ("one block of zeros", gzip(&[good().0, vec![0; 512]].concat()), "damaged", "too early"),
        ("shorter than its header says", gzip(&sized(4096).0), "damaged", "too early"),
        ("hidden behind the end", gzip(&[good().end(), good().end()].concat()), "damaged", "follows its end"),
        ("trailing garbage", with(b"garbage"), "damaged", "follows its end"),
        ("a second member", with(&good().gzip()), "damaged", "follows its end"),
        (
            "wrong checksum",
            {
                let mut bytes = whole.clone();
                let at = bytes.len() - 8;
                bytes[at] ^= 1;
                bytes
            },
            "damaged",
            "",
        ),
        (
            "broken header",
            {
                let mut tar = good().end();
                tar[600] ^= 1;
                gzip(&tar)
            },
            "damaged",
            "header",
        ),
        ("no tar", gzip(b"hello"), "damaged", "too early"),
        ("no gzip", b"hello, this is no archive".to_vec(), "damaged", "gzip"),
        ("no members", gzip(&[0; 1024]), "damaged", "empty"),
        ("nothing at all", Vec::new(), "damaged", "too early"),
    ]
}

#[test]
fn hostile_archives_are_refused_and_nothing_is_written() {
    let folder = TempDir::new().unwrap();
    fs::create_dir(folder.path().join("tmp")).unwrap();
    let path = folder.path().join("hostile.tar.gz");
    for (name, bytes, code, words) in hostile() {
        fs::write(&path, bytes).unwrap();
        let before = content(folder.path());
        let output = bootstrap(folder.path(), &["check", "--json", "hostile.tar.gz"]);
        assert_eq!(output.status.code(), Some(1), "{name}: {}", text(&output.stderr));
        let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
        let problem = &answer["problems"][0];
        let message = problem["message"].as_str().unwrap();
        assert!(
            problem["code"] == code && message.contains(words) && !problem["fix"].is_null(),
            "{name}: {answer}"
        );
        assert!(content(folder.path()) == before, "{name}: something was written");
    }
}

#[test]
fn the_limits_are_the_users() {
    let folder = bundle();
    pack(folder.path(), &["-o", "."]);
    for (flag, limit) in [("--max-entries", "10"), ("--max-bytes", "100")] {
        for path in ["b-1.0.tar.gz", "b"] {
            let output = bootstrap(folder.path(), &["check", path, flag, limit]);
            assert_eq!(output.status.code(), Some(1));
            assert!(text(&output.stdout).contains("too-large"), "{}", text(&output.stdout));
        }
    }
}

#[test]
fn every_decompressed_byte_counts() {
    let folder = TempDir::new().unwrap();
    let comment = format!("comment={}", "c".repeat(990));
    let record = |tar: Tar| tar.records(EntryType::XGlobalHeader, &comment);
    let many = (0..400).fold(Tar::new(), |tar, _| record(tar)).file("b/x").gzip();
    fs::write(folder.path().join("a.tar.gz"), many).unwrap();
    let output = bootstrap(folder.path(), &["check", "a.tar.gz", "--max-bytes", "100"]);
    assert!(text(&output.stdout).contains("too-large"), "{}", text(&output.stdout));
}

/// What other programs write, as long as it is plain.
#[test]
fn archives_of_other_programs_are_read() {
    let folder = bundle();
    let packed = pack(folder.path(), &["-o", "packed"]);
    Archive::open(&packed, Limits::DEFAULT).unwrap().unpack(folder.path().join("packed").as_path()).unwrap();
    let long = format!("packed/b/artifacts/{}", "ü".repeat(110));
    write(&folder.path().join(&long), "held");
    write(&folder.path().join("packed/b/größe.json"), "{}");
    symlink("ü".repeat(110), folder.path().join("packed/b/artifacts/link")).unwrap();
    let python = "import sys, tarfile\nwith tarfile.open(sys.argv[1], 'w:gz') as tar:\n    tar.add('b')";
    let commands = [
        ("tar", vec!["czf", "../gnu.tar.gz", "./b"]),
        ("tar", vec!["czf", "../pax.tar.gz", "--format=pax", "b"]),
        ("python3", vec!["-c", python, "../python.tar.gz"]),
    ];
    for (program, arguments) in commands {
        let run = Command::new(program).args(&arguments).current_dir(folder.path().join("packed")).status();
        assert!(run.unwrap().success());
    }
    for name in ["gnu", "pax", "python"] {
        let archive = Archive::open(&folder.path().join(format!("{name}.tar.gz")), Limits::DEFAULT);
        let to = folder.path().join(name);
        fs::create_dir(&to).unwrap();
        archive.unwrap_or_else(|error| panic!("{name}: {error}")).unpack(&to).unwrap();
        assert!(content(&to.join("b")) == content(&folder.path().join("packed/b")), "{name}");
    }
}

#[test]
fn an_archive_that_changes_after_it_was_looked_through_is_not_unpacked() {
    let folder = TempDir::new().unwrap();
    let (path, to) = (folder.path().join("a.tar.gz"), folder.path().join("to"));
    fs::create_dir(&to).unwrap();
    fs::write(&path, Tar::new().file("b/x").gzip()).unwrap();
    let archive = Archive::open(&path, Limits::DEFAULT).unwrap();
    fs::write(&path, Tar::new().file("../x").gzip()).unwrap();
    assert!(matches!(archive.unpack(&to), Err(ArchiveError::Changed)));
    assert_eq!(content(&to), BTreeMap::new());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    /// Whatever passes lies in its folder when it is unpacked.
    #[test]
    fn what_passes_stays_in_its_folder(
        entries in prop::collection::vec((name(), prop::sample::select(vec![b'0', b'5', b'2', b'1', b'x']), name()), 0..12),
        flipped in prop::option::of((any::<prop::sample::Index>(), any::<u8>())),
    ) {
        let tar = entries.iter().fold(Tar::new(), |tar, (name, kind, target)| {
            tar.add(name.as_bytes(), EntryType::new(*kind), target, b"", |_| ())
        });
        let mut bytes = tar.end();
        if let Some((at, byte)) = flipped {
            let at = at.index(bytes.len());
            bytes[at] ^= byte;
        }
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("a.tar.gz");
        fs::write(&path, gzip(&bytes)).unwrap();
        if let Ok(archive) = Archive::open(&path, Limits::DEFAULT) {
            let to = folder.path().join("to");
            fs::create_dir(&to).unwrap();
            let root = archive.unpack(&to).unwrap().canonicalize().unwrap();
            for (path, _) in content(&root) {
                // A link may lead nowhere, or in circles, but not out.
                if let Ok(real) = root.join(&path).canonicalize() {
                    prop_assert!(real.starts_with(&root), "{} leads to {}", path.display(), real.display());
                }
            }
            prop_assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
        }
    }
}

/// Paths of a few names, so that they meet.
fn name() -> impl Strategy<Value = String> {
    let part = prop::sample::select(vec!["a", "A", "l", "..", ".", "x"]);
    let path = prop::collection::vec(part, 1..4).prop_map(|parts| parts.join("/"));
    (prop::sample::select(vec!["b/", "b/", "b/", "", "/"]), path)
        .prop_map(|(top, path)| format!("{top}{path}"))
}
