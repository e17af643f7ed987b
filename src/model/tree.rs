//! Who descends from whom, as `/proc` tells it.

use std::fs;
use std::io;

use nix::unistd::Pid;

/// The children of one thread. What a process adopts becomes a child of its main thread, whose
/// number is that of the process.
pub fn children_of_thread(process: Pid, thread: Pid) -> Vec<Pid> {
    match fs::read_to_string(format!("/proc/{process}/task/{thread}/children")) {
        Ok(list) => list.split(' ').filter_map(pid).collect(),
        // A kernel built without the list knows no threads here either.
        Err(error) if error.kind() == io::ErrorKind::NotFound && thread == process => by_parent(process),
        Err(_) => Vec::new(),
    }
}

/// The children of all threads of a process. One that is born or dies meanwhile may be missing.
pub fn children(process: Pid) -> Vec<Pid> {
    let threads = entries(&format!("/proc/{process}/task"));
    threads.into_iter().flat_map(|thread| children_of_thread(process, thread)).collect()
}

/// Children, their children and so on, nearest first.
pub fn descendants(process: Pid) -> Vec<Pid> {
    let mut found = children(process);
    let mut next = 0;
    while let Some(&child) = found.get(next) {
        found.extend(children(child));
        next += 1;
    }
    found
}

fn by_parent(parent: Pid) -> Vec<Pid> {
    let parent_of = |process: &Pid| {
        let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
        // The name before the last bracket may hold anything; state and parent follow.
        pid(stat.rsplit_once(')')?.1.split(' ').nth(2)?)
    };
    entries("/proc").into_iter().filter(|process| parent_of(process) == Some(parent)).collect()
}

fn entries(folder: &str) -> Vec<Pid> {
    let entries = fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok);
    entries.filter_map(|entry| pid(entry.file_name().to_str()?)).collect()
}

fn pid(text: &str) -> Option<Pid> {
    text.parse().ok().map(Pid::from_raw)
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader, Write};
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn both_ways_of_looking_find_children_and_their_children() {
        let mut shell = Command::new("sh")
            .args(["-c", "sh -c 'sleep 1000 & echo; read line; kill $!'; true"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        BufReader::new(shell.stdout.take().unwrap()).read_line(&mut String::new()).unwrap();
        let root = Pid::from_raw(i32::try_from(shell.id()).unwrap());
        let found = descendants(root);
        assert_eq!(found.len(), 2, "{found:?}");
        assert_eq!(by_parent(root), found[..1]);
        assert_eq!(by_parent(found[0]), found[1..]);
        shell.stdin.take().unwrap().write_all(b"\n").unwrap();
        shell.wait().unwrap();
        assert!(descendants(root).is_empty());
    }
}
