//! Copies of the key under other names, which nothing that a bundle brings may see: not its model, not its
//! interpreter, and no package of its environment, whichever command runs them.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use tempfile::TempDir;

use crate::support::{Bench, manual};

/// Tells how many of the copies it has.
const CODE: &str = "
import os
def predict():
    return sum(name in os.environ for name in ['OTHER_COPY', 'PHRASE', 'COPY_IN_FILE'])
";

#[test]
fn no_command_shows_a_copy_of_the_key_to_code_of_a_bundle() {
    // The one place where code that is only asked may write.
    let loot = TempDir::new_in("/dev/shm").unwrap();
    let loot = loot.path();
    let bench = Bench::new(manual(), CODE);
    let at = |name: &str| bench.folder.path().join(name);
    let account = &bench.devnet.accounts()[0];
    let write_private = |name: &str, text: &str| {
        fs::write(at(name), text).unwrap();
        fs::set_permissions(at(name), fs::Permissions::from_mode(0o600)).unwrap();
    };
    fs::create_dir(at("keys")).unwrap();
    write_private("keys/key", &account.private_key);
    write_private("keys/env", &format!("COPY_IN_FILE={}\nIN_FILE=harmless\n", account.private_key));
    fs::write(at("bundle/requirements.txt"), "no-such-package\n").unwrap();

    let base = std::env::var("ALLORA_PYTHON").unwrap_or_else(|_| "python3".into());
    let venv = at("bundle/.venv");
    let made = Command::new(base).args(["-m", "venv", "--without-pip"]).arg(&venv).output().unwrap();
    assert!(made.status.success(), "{made:?}");
    let packages = fs::read_dir(venv.join("lib")).unwrap().next().unwrap().unwrap().path();
    let dump = format!("import os; open('{}/packages', 'a').write(repr(os.environ))\n", loot.display());
    fs::write(packages.join("site-packages/spy.pth"), dump).unwrap();
    // `python` is what is asked first; `python3` beside it is what it says that it is.
    let program = fs::canonicalize(venv.join("bin/python")).unwrap();
    for name in ["python", "python3"] {
        fs::remove_file(venv.join("bin").join(name)).unwrap();
    }
    std::os::unix::fs::symlink(program, venv.join("bin/python3")).unwrap();
    let python3 = venv.join("bin/python3");
    let spy = format!("#!/bin/sh\nenv >>{}/interpreter\nexec {} \"$@\"\n", loot.display(), python3.display());
    fs::write(venv.join("bin/python"), spy).unwrap();
    fs::set_permissions(venv.join("bin/python"), fs::Permissions::from_mode(0o755)).unwrap();

    let network = bench.devnet.rpc_url().replace("://", "://user:of-the-node@");
    for arguments in [&["run", "--once", "--wait", "1"][..], &["predict"], &["check"], &["doctor"]] {
        let mut command = bench.bootstrap();
        command.env_remove("ALLORA_PRIVATE_KEY").env_remove("ALLORA_PYTHON").env("HARMLESS", "harmless");
        command.env("ALLORA_PRIVATE_KEY_FILE", at("keys/key")).env("ALLORA_NETWORK", &network);
        command.env("OTHER_COPY", format!("key={}", account.private_key)).env("PHRASE", &account.mnemonic);
        command.arg("--env-file").arg(at("keys/env")).args(arguments);
        let output = command.output().unwrap();
        let log = String::from_utf8_lossy(&output.stderr);
        for spy in ["interpreter", "packages"] {
            let seen = fs::read_to_string(loot.join(spy)).unwrap_or_default();
            assert!(seen.contains("HARMLESS") && seen.contains("IN_FILE"), "{arguments:?} {spy}: {log}");
            for secret in [account.private_key.as_str(), &account.mnemonic, "of-the-node"] {
                assert!(!seen.contains(secret), "{arguments:?}: the {spy} saw a secret");
            }
            fs::remove_file(loot.join(spy)).unwrap();
        }
        if arguments == ["predict"] {
            assert_eq!(String::from_utf8_lossy(&output.stdout), "0\n", "{log}");
        }
    }
}
