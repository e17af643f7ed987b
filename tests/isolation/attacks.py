"""A model that attacks its worker, and then does what honest models do.

Each attack either gets what it wants, which it may describe, or is refused with an exception. Attacks that would
ruin the worker if they succeeded are made only where they must not succeed.
"""

import ctypes
import errno
import json
import multiprocessing
import os
import pathlib
import resource
import shutil
import signal
import site
import socket
import subprocess
import sys
import sysconfig
import tempfile
import threading
import urllib.request

REFUSALS = {errno.EPERM, errno.EACCES, errno.EXDEV, errno.EROFS}
LIBC = ctypes.CDLL(None, use_errno=True)
PLACES = pathlib.Path(os.environ["REPORT"])
SCRATCH = pathlib.Path(os.environ["TMPDIR"])
ATTACKS, RUINOUS, HONEST = {}, {}, {}


class Refused(Exception):
    """What was tried did not work, and that is as it should be."""


def attack(function):
    ATTACKS[function.__name__] = function


def ruinous(function):
    RUINOUS[function.__name__] = function


def honest(function):
    HONEST[function.__name__] = function


def checked(result):
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result


def shell(*words):
    done = subprocess.run(words, capture_output=True, text=True, timeout=30)
    if done.returncode == 0:
        return done.stdout[:40]
    if any(word in done.stderr.lower() for word in ("denied", "not permitted", "read-only")):
        raise Refused(done.stderr.strip())
    raise RuntimeError(f"{words}: {done.returncode} {done.stderr}")


def write_anew(path):
    pathlib.Path(path).write_text("forged")


def each(things, action):
    """Whether any of them works; refused when none does and at least one is refused."""
    refused = None
    for thing in things:
        try:
            return f"{thing}: {action(thing)}"
        except OSError as error:
            if error.errno in REFUSALS:
                refused = error
            elif error.errno not in (errno.ENOENT, errno.ESRCH, errno.EBADF):
                raise
    if refused is None:
        raise RuntimeError("nothing to attack was found")
    raise refused


def processes():
    return [int(name) for name in os.listdir("/proc") if name.isdigit() and int(name) != os.getpid()]


def threads(pid):
    return [int(name) for name in os.listdir(f"/proc/{pid}/task")]


def holds_key(data):
    return any(half.encode() in data.lower() for half in target["key_halves"])


# The environment.


@attack
def environment_of_its_own():
    found = [name for name in os.environ if name.startswith("BACKUP_")]
    found += [name for name in os.environ if name.startswith("ALLORA_")
              and name not in ("ALLORA_NETWORK", "ALLORA_TOPIC_ID")]
    if not found and not holds_key(pathlib.Path("/proc/self/environ").read_bytes()):
        raise Refused("no key in the environment")
    return found


@attack
def environment_of_the_worker():
    return each(target["worker"], lambda pid: open(f"/proc/{pid}/environ").read())


@attack
def environment_of_a_bystander():
    return each([target["bystander"]], lambda pid: holds_key(open(f"/proc/{pid}/environ", "rb").read()))


@attack
def command_lines():
    for pid in processes():
        try:
            if holds_key(pathlib.Path(f"/proc/{pid}/cmdline").read_bytes()):
                return pid
        except OSError:
            pass
    raise Refused("no key in any command line")


# Memory and descriptors of the worker.


@attack
def memory_by_file():
    return each(target["worker"], lambda pid: open(f"/proc/{pid}/mem", "r+b"))


@attack
def memory_maps():
    return each(target["worker"], lambda pid: open(f"/proc/{pid}/maps").read(10))


class Vector(ctypes.Structure):
    _fields_ = [("base", ctypes.c_void_p), ("length", ctypes.c_size_t)]


def process_vm(call):
    buffer = ctypes.create_string_buffer(8)
    local = Vector(ctypes.addressof(buffer), 8)

    def transfer(pid):
        remote = Vector(0x400000, 8)
        try:
            checked(call(pid, ctypes.byref(local), 1, ctypes.byref(remote), 1, 0))
        except OSError as error:
            if error.errno != errno.EFAULT:  # allowed, but nothing is mapped there
                raise

    return each(target["worker"], transfer)


@attack
def memory_by_process_vm_readv():
    return process_vm(LIBC.process_vm_readv)


@attack
def memory_by_process_vm_writev():
    return process_vm(LIBC.process_vm_writev)


@attack
def ptrace_seize():
    seize = 0x4206
    return each([tid for pid in target["worker"] for tid in threads(pid)],
                lambda tid: checked(LIBC.ptrace(seize, tid, None, None)))


@attack
def descriptors_by_link():
    return each([f"/proc/{pid}/fd/{number}" for pid in target["worker"] for number in range(32)], os.readlink)


@attack
def descriptors_by_pidfd_getfd():
    def steal(pid):
        pidfd = checked(LIBC.syscall(434, pid, 0))
        try:
            return each(range(32), lambda number: checked(LIBC.syscall(438, pidfd, number, 0)))
        finally:
            os.close(pidfd)

    return each(target["worker"], steal)


@attack
def executable_root_and_working_directory():
    return each([f"/proc/{pid}/{link}" for pid in target["worker"] for link in ("exe", "root", "cwd")], os.readlink)


@attack
def core_dumps():
    try:
        resource.setrlimit(resource.RLIMIT_CORE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    except ValueError as error:  # Python's word for this refusal
        raise Refused(error)


@attack
def inherited_descriptors():
    expected = {0, 1, 2, 3}
    extra = {}
    for number in map(int, os.listdir("/proc/self/fd")):
        try:
            link = os.readlink(f"/proc/self/fd/{number}")
        except FileNotFoundError:
            continue  # that of the listing itself
        if number not in expected and not link.startswith("/dev/"):
            extra[number] = link
    if not extra:
        raise Refused("nothing but 0 to 3")
    return extra


# The key file.


def read_key(path):
    text = open(path).read()
    assert holds_key(text.encode()), text
    return "read"


@attack
def key():
    return read_key(target["key"])


@attack
def key_in_a_thread():
    outcome = []

    def run():
        try:
            outcome.append(read_key(target["key"]))
        except OSError as error:
            outcome.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    if isinstance(outcome[0], OSError):
        raise outcome[0]


@attack
def key_by_another_program():
    return shell("cat", target["key"])


@attack
def key_by_proc_self_root():
    return read_key("/proc/self/root" + target["key"])


@attack
def key_by_root_of_the_worker():
    return each(target["worker"], lambda pid: read_key(f"/proc/{pid}/root{target['key']}"))


@attack
def key_by_working_directory():
    before = os.getcwd()
    os.chdir(os.path.dirname(target["key"]))
    try:
        return read_key(os.path.basename(target["key"]))
    finally:
        os.chdir(before)


@attack
def key_by_symbolic_link():
    link = SCRATCH / "link"
    link.symlink_to(target["key"])
    return read_key(link)


@attack
def key_by_hard_link():
    os.link(target["key"], SCRATCH / "hard")
    return read_key(SCRATCH / "hard")


@attack
def key_by_path_descriptor():
    descriptor = os.open(target["key"], os.O_PATH)
    return read_key(f"/proc/self/fd/{descriptor}")


@attack
def key_by_file_handle():
    handle = ctypes.create_string_buffer(8 + 128)
    ctypes.c_uint.from_buffer(handle).value = 128
    mount = ctypes.c_int()
    checked(LIBC.name_to_handle_at(-100, target["key"].encode(), handle, ctypes.byref(mount), 0))
    folder = os.open(os.environ["REPORT"], os.O_RDONLY)
    descriptor = checked(LIBC.open_by_handle_at(folder, handle, os.O_RDONLY))
    return os.read(descriptor, 4)


@attack
def key_in_a_user_namespace():
    return shell("unshare", "-Ur", "cat", target["key"])


@attack
def key_by_bind_mount():
    here = SCRATCH / "mounted"
    here.mkdir(exist_ok=True)
    keys, name = os.path.split(target["key"])
    return shell("unshare", "-Urm", "sh", "-c", f"mount --bind {keys} {here} && cat {here}/{name}")


@attack
def key_by_chroot():
    return shell("unshare", "-Ur", "chroot", "/", "cat", target["key"])


@attack
def key_by_program_in_memory():
    memory = os.memfd_create("cat", 0)
    with open(shutil.which("cat"), "rb") as program:
        os.write(memory, program.read())
    return shell(f"/proc/{os.getpid()}/fd/{memory}", target["key"])


@ruinous
def key_moved():
    os.rename(target["key"], SCRATCH / "moved")
    return read_key(SCRATCH / "moved")


@ruinous
def key_folder_exchanged():
    os.rename(os.path.dirname(target["key"]), SCRATCH / "keys")


@ruinous
def key_overwritten():
    write_anew(target["key"])


@attack
def key_folder_listed():
    return os.listdir(os.path.dirname(target["key"]))


# State and logs.


@attack
def state_listed():
    return os.listdir(target["state"])


@attack
def journal():
    return open(target["journal"], "rb").read(16)


@attack
def journal_log():
    return each([target["journal"] + suffix for suffix in ("-wal", "-shm")], lambda path: open(path, "rb").read(4))


@ruinous
def journal_overwritten():
    write_anew(target["journal"])


@ruinous
def journal_removed():
    os.unlink(target["journal"])


@ruinous
def journal_cut():
    os.truncate(target["journal"], 0)


@attack
def state_added_to():
    write_anew(os.path.join(target["state"], "forged"))


@attack
def log_written():
    with open(target["log"], "a") as log:
        log.write("forged\n")


# The heartbeat.


@attack
def heartbeat_opened():
    open(target["heartbeat"], "r+")


@ruinous
def heartbeat_replaced():
    forged = SCRATCH / "forged"
    write_anew(forged)
    os.replace(forged, target["heartbeat"])


@ruinous
def heartbeat_removed():
    os.unlink(target["heartbeat"])


@ruinous
def heartbeat_led_elsewhere():
    os.symlink(SCRATCH / "elsewhere", target["heartbeat"] + ".link")
    os.replace(target["heartbeat"] + ".link", target["heartbeat"])


@attack
def heartbeat_tied_down():
    os.link(target["heartbeat"], SCRATCH / "heartbeat")


# Signals, limits and the like.


@attack
def signal_a_bystander():
    os.kill(target["bystander"], signal.SIGCONT)


@attack
def signal_to_the_worker():
    return each(target["worker"], lambda pid: os.kill(pid, 0))


@ruinous
def signal_stop():
    return each(target["worker"], lambda pid: os.kill(pid, signal.SIGSTOP))


@ruinous
def signal_kill():
    return each(target["worker"], lambda pid: os.kill(pid, signal.SIGKILL))


@ruinous
def signal_to_each_thread():
    return each([(pid, tid) for pid in target["worker"] for tid in threads(pid)],
                lambda ids: checked(LIBC.tgkill(*ids, signal.SIGABRT)))


@ruinous
def signal_queued():
    return each(target["worker"], lambda pid: checked(LIBC.sigqueue(pid, int(signal.SIGTERM), None)))


@ruinous
def signal_by_pidfd():
    def send(pid):
        pidfd = checked(LIBC.syscall(434, pid, 0))
        try:
            checked(LIBC.syscall(424, pidfd, int(signal.SIGTERM), None, 0))
        finally:
            os.close(pidfd)

    return each(target["worker"], send)


@ruinous
def limit_of_processor_time():
    return each(target["worker"], lambda pid: resource.prlimit(pid, resource.RLIMIT_CPU, (0, 0)))


@ruinous
def limit_of_open_files():
    return each(target["worker"], lambda pid: resource.prlimit(pid, resource.RLIMIT_NOFILE, (0, 0)))


@ruinous
def limit_of_file_size():
    return each(target["worker"], lambda pid: resource.prlimit(pid, resource.RLIMIT_FSIZE, (0, 0)))


@attack
def victim_of_the_kernel():
    return each(target["worker"], lambda pid: pathlib.Path(f"/proc/{pid}/oom_score_adj").write_text("1000"))


@attack
def abstract_socket():
    with socket.socket(socket.AF_UNIX) as client:
        client.connect("\0" + target["abstract"])


# Code that would run later, and not in here.


@attack
def bundle_added_to():
    write_anew(target["bundle"] + "/sitecustomize.py")


@attack
def bundle_code_opened():
    open(__file__, "r+")


@attack
def bundle_code_cut():
    os.truncate(target["bundle"] + "/src/__init__.py", 0)


@attack
def bundle_cache():
    caches = pathlib.Path(__file__).parent / "__pycache__"
    caches.mkdir(exist_ok=True)
    write_anew(caches / "forged.pyc")


@attack
def environment_packages():
    write_anew(sysconfig.get_path("purelib") + "/forged.pth")


@attack
def environment_interpreter():
    os.replace(shutil.copy(sys.executable, SCRATCH / "python"), sys.executable)


@attack
def environment_settings():
    open(sys.prefix + "/pyvenv.cfg", "r+")


@attack
def user_packages():
    folder = pathlib.Path(site.getusersitepackages())
    folder.mkdir(parents=True, exist_ok=True)
    write_anew(folder / "usercustomize.py")


@attack
def program_of_the_worker():
    os.rename(target["program"], target["program"] + ".old")


@attack
def shared_folder_for_temporary_files():
    with tempfile.NamedTemporaryFile(dir="/tmp"):
        pass


# Privileges.


def standing(text):
    return dict(line.split(":\t", 1) for line in text.splitlines() if ":\t" in line)


def privileged(text):
    status = standing(text)
    sets = [name for name in ("CapInh", "CapPrm", "CapEff", "CapAmb") if int(status[name], 16)]
    return sets, status["NoNewPrivs"], status["Uid"]


@attack
def capabilities():
    sets, _, _ = privileged(open("/proc/self/status").read())
    if not sets:
        raise Refused("none")
    return sets


@attack
def capabilities_of_a_program():
    sets, _, _ = privileged(subprocess.run(["cat", "/proc/self/status"], capture_output=True, text=True).stdout)
    if not sets:
        raise Refused("none")
    return sets


@attack
def setuid_program():
    if "setuid" not in target:
        raise Refused("there is none")
    text = subprocess.run([target["setuid"], "/proc/self/status"], capture_output=True, text=True).stdout
    sets, _, users = privileged(text)
    if not sets and set(users.split()) == {str(os.getuid())}:
        raise Refused(users)
    return sets, users


@attack
def other_user():
    os.setuid(0 if os.getuid() else 1000)


@attack
def owner_of_a_file():
    write_anew(SCRATCH / "owned")
    os.chown(SCRATCH / "owned", 12345, -1)


@attack
def mount_of_a_file_system():
    checked(LIBC.mount(b"none", str(SCRATCH).encode(), b"tmpfs", 0, None))


@attack
def device_node():
    os.mknod(SCRATCH / "disk", 0o60600, os.makedev(8, 0))


# What honest models do.


@honest
def own_secret():
    assert os.environ["EXCHANGE_API_KEY"] == "of the model"


@honest
def topic_and_network():
    assert os.environ["ALLORA_TOPIC_ID"] == "1" and os.environ["ALLORA_NETWORK"].startswith("http://127")


@honest
def data_elsewhere():
    assert open(target["data"]).read() == "prices"
    assert os.listdir(os.path.dirname(target["data"])) == ["prices.csv"]
    assert open("/etc/passwd").read(4) and os.listdir("/usr/lib") and open("/proc/cpuinfo").read(4)


@honest
def files_of_its_bundle():
    assert os.listdir(target["bundle"]) and open(target["bundle"] + "/model.yaml").read()


@honest
def temporary_files():
    with tempfile.NamedTemporaryFile() as file, tempfile.TemporaryDirectory() as folder:
        file.write(b"x")
        write_anew(folder + "/x")
        shutil.copy2(folder + "/x", folder + "/y")
        os.rename(folder + "/y", SCRATCH / "renamed")


@honest
def writable_folder():
    folder = PLACES / "cache"
    folder.mkdir()
    write_anew(folder / "weights")
    os.rename(folder / "weights", PLACES / "weights")


@honest
def writable_device():
    with open("/dev/zero", "r+b", buffering=0) as device:
        device.write(b"x")


@honest
def shared_memory():
    from multiprocessing import shared_memory as memory

    block = memory.SharedMemory(create=True, size=64)
    block.buf[0] = 1
    block.close()
    block.unlink()


@honest
def network():
    with urllib.request.urlopen(os.environ["ALLORA_NETWORK"] + "/health", timeout=30) as answer:
        assert answer.status == 200


@honest
def service_of_its_own():
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()):
        pass
    with socket.socket(socket.AF_UNIX) as server, socket.socket(socket.AF_UNIX) as client:
        name = f"\0{SCRATCH.name}"
        server.bind(name)
        server.listen()
        client.connect(name)


@honest
def threads_of_its_own():
    workers = [threading.Thread(target=lambda: None) for _ in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()


@honest
def programs():
    assert subprocess.run(["ls", "/"], capture_output=True).stdout is not None
    assert subprocess.run(["sh", "-c", "echo $EXCHANGE_API_KEY"], capture_output=True).stdout == b"of the model\n"


@honest
def processes_of_its_own():
    child = multiprocessing.get_context("fork").Process(target=signal.pause)
    child.start()
    resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, resource.getrlimit(resource.RLIMIT_NOFILE))
    resource.prlimit(child.pid, resource.RLIMIT_NOFILE)
    child.terminate()
    child.join(30)
    assert child.exitcode == -signal.SIGTERM


def outcome(function):
    try:
        return {"reached": repr(function())[:200]}
    except Refused as refused:
        return {"refused": str(refused)[:200]}
    except OSError as error:
        return {"refused" if error.errno in REFUSALS else "broken": repr(error)[:200]}
    except BaseException as error:
        return {"broken": repr(error)[:400]}


def predict(nonce):
    global target
    target = json.loads((PLACES / "target.json").read_text())
    target["worker"] = sorted({target["pid"], os.getppid()})
    attacks = {**ATTACKS, **RUINOUS} if target["ruin"] else ATTACKS
    report = {
        "attacks": {name: outcome(function) for name, function in attacks.items()},
        "honest": {name: outcome(function) for name, function in HONEST.items()},
    }
    finished = PLACES / "report.tmp"
    finished.write_text(json.dumps(report))
    finished.rename(PLACES / "report.json")
    return 1
