//! Interpreters and environments of every make, through the real program.
#![allow(clippy::unwrap_used, clippy::print_stdout)] // helpers of tests fail as tests do

mod support;

use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use bootstrap::model::Interpreter;
use support::{BOOTSTRAP, Bundle, pythons};

/// Answers 42 in the environment that `VENV` names, and so do the processes that it starts.
const IN_VENV: &str = "
import os, subprocess, sys
import only_in_venv
def predict():
    is_in = os.path.samefile(sys.prefix, os.environ['VENV']) and sys.prefix != sys.base_prefix
    child = subprocess.run([sys.executable, '-c', 'import only_in_venv'])
    return only_in_venv.VALUE + is_in - child.returncode
";

/// `bootstrap predict` with the interpreter that the bundle has or `arguments` name.
fn predict(bundle: &Bundle, arguments: &[&Path]) -> Output {
    let mut command = Command::new(BOOTSTRAP);
    command.arg("predict").arg(bundle.root()).args(arguments);
    command.env("ALLORA_STATE_DIR", bundle.root().with_extension("state"));
    command.env("VENV", bundle.root().join(".venv")).env_remove("ALLORA_PYTHON").env_remove("PYTHONPATH");
    command.output().unwrap()
}

/// Runs a command that has to succeed.
fn run(command: &mut Command) {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// Makes an environment with a module that is nowhere else.
fn environment(maker: &mut Command, folder: &Path) {
    run(maker.arg(folder));
    let packages = folder.join("lib").read_dir().unwrap().next().unwrap().unwrap().path();
    std::fs::write(packages.join("site-packages/only_in_venv.py"), "VALUE = 41\n").unwrap();
}

fn venv(python: &Path) -> Command {
    let mut command = Command::new(python);
    command.args(["-m", "venv", "--without-pip"]);
    command
}

fn assert_predicts(bundle: &Bundle, python: &Interpreter) {
    let output = predict(bundle, &[]);
    let (value, log) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(value, "42\n", "{python:?}: {log}");
}

#[test]
fn an_environment_works_wherever_it_was_put_and_however_it_is_reached() {
    let bundle = Bundle::new(IN_VENV);
    let (venv_folder, elsewhere) = (bundle.root().join(".venv"), bundle.root().join("elsewhere"));
    for python in pythons() {
        environment(&mut venv(&python.executable), &elsewhere);
        symlink("elsewhere", &venv_folder).unwrap();
        assert_predicts(&bundle, python);
        std::fs::remove_file(&venv_folder).unwrap();
        // Moved, so that the paths in its scripts lead nowhere.
        std::fs::rename(&elsewhere, &venv_folder).unwrap();
        assert_predicts(&bundle, python);
        std::fs::remove_dir_all(&venv_folder).unwrap();
        environment(venv(&python.executable).arg("--copies"), &venv_folder);
        assert_predicts(&bundle, python);
        std::fs::remove_dir_all(&venv_folder).unwrap();
    }
}

#[test]
fn an_environment_whose_base_is_gone_is_refused_with_its_name() {
    for python in pythons() {
        let bundle = Bundle::new(IN_VENV);
        let base = bundle.root().join("base");
        let executable = python.executable.canonicalize().unwrap();
        symlink(executable.ancestors().nth(2).unwrap(), &base).unwrap();
        let executable = base.join("bin").join(executable.file_name().unwrap());
        environment(&mut venv(&executable), &bundle.root().join(".venv"));
        assert_predicts(&bundle, python);
        std::fs::remove_file(&base).unwrap();
        let output = predict(&bundle, &[]);
        let text = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(65), "{text}");
        let says =
            [format!("base interpreter {}", base.display()), "is gone".into(), "bootstrap install ".into()];
        assert!(says.iter().all(|words| text.contains(words)), "{text}");
    }
}

/// No such build is to be had everywhere, so a real interpreter is made to say that it is one.
#[test]
fn a_free_threaded_build_is_refused_by_name() {
    let bundle = Bundle::new("def predict(): return 1\n");
    for python in pythons() {
        let said = ["import sys; sys.abiflags += 't'", "exec(sys.argv[-1])"].join("; ");
        let script = format!("#!/bin/sh\nexec {:?} -I -S -c \"{said}\" \"$4\"\n", python.executable);
        let wrapper = bundle.root().join("python3t");
        std::fs::write(&wrapper, script).unwrap();
        std::fs::set_permissions(&wrapper, PermissionsExt::from_mode(0o755)).unwrap();
        let output = predict(&bundle, &[Path::new("--python"), &wrapper]);
        let text = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(65), "{text}");
        assert!(text.contains("free-threaded"), "{text}");
    }
}

#[test]
#[ignore = "installs packages; a step of its own in .ci/run"]
fn environments_of_virtualenv_and_uv_are_as_good() {
    let tools = tempfile::tempdir().unwrap();
    run(Command::new(&pythons().last().unwrap().executable).args(["-m", "venv"]).arg(tools.path()));
    let tool = |name: &str| -> PathBuf { tools.path().join("bin").join(name) };
    run(Command::new(tool("pip")).args(["install", "--quiet", "virtualenv", "uv"]));
    for python in pythons() {
        let mut virtualenv = Command::new(tool("virtualenv"));
        virtualenv.args(["--quiet", "--no-seed", "--python"]).arg(&python.executable);
        let mut uv = Command::new(tool("uv"));
        uv.args(["venv", "--quiet", "--offline", "--python"]).arg(&python.executable);
        for maker in [virtualenv, uv] {
            let (mut maker, bundle) = (maker, Bundle::new(IN_VENV));
            environment(&mut maker, &bundle.root().join(".venv"));
            assert_predicts(&bundle, python);
        }
    }
}
