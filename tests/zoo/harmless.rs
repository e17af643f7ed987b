//! Models that do odd things and harm nobody: they are simply answered.

use crate::cage::Cage;

const ANIMALS: &str = r"
import asyncio, http.client, http.server, os, shutil, tempfile, threading, time

class Price(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'
    def do_GET(self):
        self.send_response(200)
        self.send_header('Content-Length', '3')
        self.end_headers()
        self.wfile.write(b'2.5')
    def log_message(self, *arguments):
        pass

exchange = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Price)
exchange.daemon_threads = True
threading.Thread(target=exchange.serve_forever, daemon=True).start()

connection = http.client.HTTPConnection(*exchange.server_address)
connection.connect()
used = connection.sock

def asks_through_a_client_of_the_import(context):
    connection.request('GET', '/')
    price = connection.getresponse().read().decode()
    return price if connection.sock is used else 'another connection'

class Client:
    streams = None
    calls = 0
    def __init__(self):
        self.lock = asyncio.Lock()
    async def price(self):
        async with self.lock:
            if self.streams is None:
                self.streams = await asyncio.open_connection(*exchange.server_address)
            reader, writer = self.streams
            writer.write(b'GET / HTTP/1.1\r\n\r\n')
            answer = await reader.readuntil(b'\r\n\r\n')
            self.calls += 1
            return float(await reader.readexactly(3)) + self.calls

client = Client()

async def prices():
    return (await asyncio.gather(client.price(), client.price()))[1]

def asks_through_an_async_client(context):
    return prices()

def changes_the_working_directory(context):
    before = os.getcwd()
    os.chdir('/')
    return 3 if before == os.path.dirname(os.path.dirname(__file__)) else 'started in ' + before

def deletes_its_scratch_folder(context):
    shutil.rmtree(os.environ['TMPDIR'], ignore_errors=True)
    return 4

def needs_its_scratch_folder(context):
    from multiprocessing import get_context
    with tempfile.TemporaryFile() as file:
        file.write(b'x')
    with get_context('spawn').Pool(1) as pool:
        return pool.apply(len, ('four',))

def leaves(context):
    os._exit(0)

def fakes_the_time(context):
    for clock in ('time', 'monotonic', 'perf_counter'):
        setattr(time, clock, lambda: 0.0)
    time.sleep = lambda seconds: None
    return 6

def waits_for_faked_time(context):
    async def waits():
        await asyncio.sleep(0.01)
        return 7
    return waits()
";

#[test]
fn a_client_that_is_made_at_the_import_serves_every_call() {
    let cage = Cage::new(ANIMALS, "max_seconds: 50");
    for _ in 0..2 {
        cage.answers("asks_through_a_client_of_the_import", "2.5");
    }
    for value in ["4.5", "6.5"] {
        cage.answers("asks_through_an_async_client", value);
    }
    cage.close();
}

#[test]
fn what_a_model_does_to_its_folders_is_mended_for_the_next_call() {
    let cage = Cage::new(ANIMALS, "max_seconds: 50");
    cage.answers("changes_the_working_directory", "3");
    cage.answers("changes_the_working_directory", "3");
    cage.answers("deletes_its_scratch_folder", "4");
    // By the same process, and by the next one.
    cage.answers("needs_its_scratch_folder", "4");
    cage.fails("leaves", "crash", "exit code 0");
    cage.answers("needs_its_scratch_folder", "4");
    cage.close();
}

#[test]
fn a_model_that_fakes_its_own_time_is_held_to_ours() {
    let cage = Cage::new(ANIMALS, "max_seconds: 1");
    cage.answers("fakes_the_time", "6");
    cage.answers("", "1");
    cage.fails("waits_for_faked_time", "timeout", "did not answer within 1.0 s");
    // Its successor has the true time.
    cage.answers("waits_for_faked_time", "7");
    cage.close();
}
