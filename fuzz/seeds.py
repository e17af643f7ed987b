"""Writes the first corpus of each fuzz target below a folder: from what real nodes and models said."""

import base64
import hashlib
import io
import json
import re
import struct
import sys
import tarfile
from pathlib import Path

HERE = Path(__file__).resolve().parent.parent
CAPTURES = HERE / "tests" / "captures"
# The first byte of an input of `responses` says what was asked; 6 is the bare value of `abci_query`.
ASKED = {"status": 0, "broadcast_tx_sync": 1, "tx": 2, "abci_query": 3, "block": 4, "block_results": 5}
VALUE = 6


def frames():
    pinned = next((HERE / "python/frames/src/snapshots").glob("*the_bytes_of_each_message.snap"))
    messages = re.findall(r'\{.*\}$', pinned.read_text().replace('\\"', '"').replace("\\'", "'"), re.M)
    stream = [struct.pack("<I", len(message)) + message.encode() for message in messages]
    for frame in [*stream, b"".join(stream)]:
        yield b"\x05" + frame


def manifest():
    for path in HERE.glob("examples/*/model.yaml"):
        yield path.read_bytes()
    keys = (HERE / "docs/bundle.md").read_text()
    yield from (block.encode() for block in re.findall(r"```yaml\n(.*?)```", keys, re.S))


def archive():
    for form in (tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT):
        file = io.BytesIO()
        with tarfile.open(fileobj=file, mode="w", format=form) as tar:
            tar.add(HERE / "examples/quickstart", arcname="quickstart")
            link = tarfile.TarInfo("quickstart/src/link")
            link.type, link.linkname, link.mtime = tarfile.SYMTYPE, "../model.yaml", 1.5
            tar.addfile(link)
        yield file.getvalue()


def responses():
    for path in CAPTURES.rglob("*.json"):
        capture = json.loads(path.read_text())
        if not isinstance(capture, dict) or "request" not in capture:
            continue
        asked = ASKED.get(capture["request"].get("method"))
        if asked is None:
            continue
        answer = capture["response"]
        yield bytes([asked]) + compact(answer)
        if asked == ASKED["abci_query"] and "result" in answer:
            value = answer["result"]["response"]["value"]
            yield bytes([VALUE]) + base64.b64decode(value or "")


def events():
    for path in CAPTURES.glob("websocket/*.json"):
        capture = json.loads(path.read_text())
        for frame in capture.get("frames", [capture.get("frame")]):
            yield compact(frame)


def compact(document):
    return json.dumps(document, separators=(",", ":")).encode()


if __name__ == "__main__":
    for target in [frames, manifest, archive, responses, events]:
        folder = Path(sys.argv[1]) / target.__name__
        folder.mkdir(parents=True, exist_ok=True)
        seeds = set(target())
        assert seeds, f"no seeds for {target.__name__}"
        for seed in seeds:
            (folder / hashlib.sha1(seed).hexdigest()).write_bytes(seed)
