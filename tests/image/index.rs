//! An index of Python packages on loopback, which wants a password and has one package.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The password, which nothing may show.
pub const PASSWORD: &str = "open-sesame-4711";

/// The one requirement that can be met.
pub const REQUIREMENT: &str = "parcel==1.0\n";

/// The file that meets it.
pub const WHEEL: &str = "parcel-1.0-py3-none-any.whl";

/// Writes the wheel to standard output. Its script has the program's name, and is to be nothing's first process.
const MAKE: &str = "import io, sys, zipfile
info = 'parcel-1.0.dist-info/'
files = {'parcel.py': 'WEIGHT = 2\\n', info + 'METADATA': 'Metadata-Version: 2.1\\nName: parcel\\nVersion: 1.0\\n',
    info + 'WHEEL': 'Wheel-Version: 1.0\\nGenerator: test\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n',
    info + 'entry_points.txt': '[console_scripts]\\nbootstrap = parcel:main\\n'}
record = ''.join(name + ',,\\n' for name in [*files, info + 'RECORD'])
buffer = io.BytesIO()
with zipfile.ZipFile(buffer, 'w') as wheel:
    for name, text in {**files, info + 'RECORD': record}.items():
        wheel.writestr(name, text)
sys.stdout.buffer.write(buffer.getvalue())";

/// A server that goes on until the process ends.
pub struct Index {
    port: u16,
    served: Arc<AtomicUsize>,
}

impl Index {
    pub fn start() -> Self {
        let wheel = wheel();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let served = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&served);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                // A client that goes away has what it wanted.
                let _ = answer(stream, &wheel, &count);
            }
        });
        Self { port, served }
    }

    /// Its address, with user and password.
    pub fn url(&self) -> String {
        format!("http://user:{PASSWORD}@127.0.0.1:{}/simple", self.port)
    }

    /// How often it gave something.
    pub fn served(&self) -> usize {
        self.served.load(Ordering::SeqCst)
    }
}

/// What that file holds.
pub fn wheel() -> Vec<u8> {
    let made = Command::new("python3").args(["-c", MAKE]).output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    made.stdout
}

fn answer(mut stream: TcpStream, wheel: &[u8], served: &AtomicUsize) -> std::io::Result<()> {
    let lines = BufReader::new(&stream).lines().map_while(Result::ok).take_while(|line| !line.is_empty());
    let lines: Vec<String> = lines.collect();
    let is_allowed = lines.iter().any(|line| line.to_ascii_lowercase().starts_with("authorization: basic "));
    let page = format!("<a href=\"/{WHEEL}\">{WHEEL}</a>");
    let (status, kind, body) = match lines.first().and_then(|line| line.split(' ').nth(1)) {
        _ if !is_allowed => ("401 Unauthorized\r\nWWW-Authenticate: Basic", "text/plain", &b""[..]),
        Some("/simple/parcel/") => ("200 OK", "text/html", page.as_bytes()),
        Some(path) if path.ends_with(WHEEL) => ("200 OK", "application/octet-stream", wheel),
        _ => ("404 Not Found", "text/plain", &b""[..]),
    };
    if status == "200 OK" {
        served.fetch_add(1, Ordering::SeqCst);
    }
    let length = body.len();
    write!(
        stream,
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
    )?;
    stream.write_all(body)
}
