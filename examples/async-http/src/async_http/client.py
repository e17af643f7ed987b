"""A JSON client for HTTP/1.1 that keeps its connection between calls."""

import asyncio
import json
from urllib.parse import urlsplit

MAX_BODY = 1 << 20  # bytes; a service that answers more than this is not ours


class JsonClient:
    """Requests to one service, one at a time, over one connection."""

    def __init__(self, base_url: str, timeout: float = 2.0) -> None:
        url = urlsplit(base_url)
        self._host = url.hostname
        self._port = url.port or 80
        self._timeout = timeout
        self._streams = None

    async def get(self, path: str):
        """The JSON document at ``path``. Raises ``OSError`` or ``asyncio.TimeoutError``."""
        kept = self._streams is not None
        try:
            return await asyncio.wait_for(self._exchange(path), self._timeout)
        except (ConnectionError, asyncio.IncompleteReadError):
            if not kept:
                raise
            # The service closed the connection while we were idle: one more try on a new one.
            return await asyncio.wait_for(self._exchange(path), self._timeout)

    async def _exchange(self, path: str):
        try:
            if self._streams is None:
                self._streams = await asyncio.open_connection(self._host, self._port)
            reader, writer = self._streams
            writer.write(f"GET {path} HTTP/1.1\r\nHost: {self._host}:{self._port}\r\n\r\n".encode())
            await writer.drain()
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            status, *lines = head.rstrip().split("\r\n")
            headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
            length = int(headers["content-length"])
            if length > MAX_BODY:
                raise OSError(f"answer of {length} bytes from {path}")
            body = await reader.readexactly(length)
        except BaseException:
            # Half an answer may be left on it, also when the deadline cancelled us.
            self._drop()
            raise
        if status.split()[1] != "200":
            raise OSError(f"{path}: {status}")
        return json.loads(body)

    def _drop(self) -> None:
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None
