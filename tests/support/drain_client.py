"""A `drain_server` that a test has started, and connections to it that show every byte."""

import queue
import signal
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

BOUND = 15.0  # seconds after which whatever is waited for counts as not happening


class Server:
    """The process, and what it has said."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self.process = process
        self.lines: queue.SimpleQueue[str] = queue.SimpleQueue()
        self.address = ("", 0)
        self.reader = threading.Thread(target=self._read)
        self.reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.put(line.strip())

    def hear(self, start: str) -> str:
        """Wait for the next thing said, which begins with `start`; return the rest of it."""
        line = self.lines.get(timeout=BOUND)
        assert line.startswith(start)
        return line.removeprefix(start).strip()

    def command(self, word: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(word + "\n")
        self.process.stdin.flush()

    def signal(self, number: int = signal.SIGTERM) -> None:
        self.process.send_signal(number)

    def ended(self) -> int:
        return self.process.wait(BOUND)

    @contextmanager
    def connect(self) -> Iterator["Connection"]:
        with socket.create_connection(self.address, BOUND) as sock, sock.makefile("rb") as file:
            yield Connection(sock, file)

    def refuses(self) -> bool:
        try:
            with socket.create_connection(self.address, BOUND):
                return False
        except ConnectionRefusedError:
            return True


class Reply:
    """A whole response. Raises EOFError where the connection ends within it or before it."""

    def __init__(self, file: IO[bytes]) -> None:
        head = []
        while line := file.readline().decode().strip():
            head.append(line)
        if not head:
            raise EOFError("the connection ended before a response")
        self.status = int(head[0].split()[1])
        self.headers = {
            name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:])
        }
        length = int(self.headers["content-length"])
        self.body = file.read(length)
        if len(self.body) < length:
            raise EOFError("the connection ended within a response")

    @property
    def closes(self) -> bool:
        return self.headers.get("connection") == "close"


class Connection:
    def __init__(self, sock: socket.socket, file: IO[bytes]) -> None:
        self.sock = sock
        self.file = file

    def ask(self, *paths: str) -> None:
        """Send requests, all in one piece."""
        text = "".join(f"GET {path} HTTP/1.1\r\nHost: test\r\n\r\n" for path in paths)
        self.sock.sendall(text.encode())

    def reply(self) -> Reply:
        return Reply(self.file)

    def rest(self) -> bytes:
        """Return what comes until the end; a reset is an end too."""
        try:
            return self.file.read()
        except ConnectionResetError:
            return b""
