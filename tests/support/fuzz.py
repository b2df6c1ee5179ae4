"""Malformed requests by the thousand, the same ones each time for one seed."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from tests.support.client import PARAMETERS, number_path
from tests.support.raw import Address, answers

# Seconds without a word after which a server counts as waiting for more.
SILENCE = 2.0

_BODY = json.dumps({**PARAMETERS, "count": 3}).encode()
_GET = b"GET " + number_path().encode() + b" HTTP/1.1\r\nHost: a\r\nAccept: */*\r\n\r\n"
_POST = b"POST /api/tracking-numbers/ HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
SEEDS: Sequence[bytes] = (
    _GET,
    _GET,
    _POST + b"Content-Length: %d\r\n\r\n" % len(_BODY) + _BODY,
    _POST + b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n\r\n" % (len(_BODY), _BODY),
    b"GET /api/tracking-numbers/MYID00000000000A HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET /readyz HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n\r\n",
)
# Sent after each, to close the connection where it was left open.
FAREWELL = b"GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"

_WORDS: Sequence[bytes] = (
    *(b"\r\n", b"\n", b"\r", b"\r\n\r\n", b" ", b"\t", b"\x00", b"\xff", b":", b"%", b"%0d%0a"),
    *(b"Content-Length: 0\r\n", b"Content-Length: -1\r\n", b"Transfer-Encoding: chunked\r\n"),
    *(b"Transfer-Encoding: xchunked\r\n", b"Expect: 100-continue\r\n", b"Host: b\r\n"),
    *(b"HTTP/0.9", b"HTTP/2.0", b"http://a/", b"//", b"0\r\n\r\n", b"ffffffffffffffff\r\n"),
    *(b"Connection: close\r\n", b"Upgrade: h2c\r\n", b"\xed\xa0\x80", b"&weight=1", b"A" * 20_000),
)


def _flip(chance: random.Random, data: bytes) -> bytes:
    at = chance.randrange(len(data))
    return data[:at] + bytes([chance.randrange(256)]) + data[at + 1 :]


def _cut(chance: random.Random, data: bytes) -> bytes:
    start = chance.randrange(len(data))
    return data[:start] + data[start + chance.randrange(1, 20) :]


def _insert(chance: random.Random, data: bytes) -> bytes:
    at = chance.randrange(len(data))
    return data[:at] + chance.choice(_WORDS) + data[at:]


def _repeat(chance: random.Random, data: bytes) -> bytes:
    start = chance.randrange(len(data))
    return data[: start + chance.randrange(1, 200)] + data[start:]


def _after_line(chance: random.Random, data: bytes) -> bytes:
    lines = data.split(b"\r\n")
    lines.insert(chance.randrange(len(lines)), chance.choice(_WORDS).strip())
    return b"\r\n".join(lines)


def _noise(chance: random.Random, data: bytes) -> bytes:
    return chance.randbytes(chance.randrange(1, 200)) + data[chance.randrange(len(data)) :]


_CHANGES: Sequence[Callable[[random.Random, bytes], bytes]] = (
    *(_flip, _flip, _cut, _insert, _insert, _repeat, _after_line, _noise),
)


def requests(count: int, seed: int) -> Iterator[bytes]:
    """`count` requests, each changed once to four times from one that is right."""
    chance = random.Random(seed)
    for _ in range(count):
        data = chance.choice(SEEDS)
        for _ in range(chance.randrange(1, 5)):
            data = chance.choice(_CHANGES)(chance, data) or b"\r\n"
        yield data


@dataclass
class Outcome:
    """What came of many requests."""

    statuses: Counter[int] = field(default_factory=Counter)
    numbers: list[str] = field(default_factory=list)
    silent: int = 0
    """Connections on which the server waited for more."""
    bare: int = 0
    """Connections that were closed without an answer."""


async def _send(address: Address, data: bytes, outcome: Outcome) -> None:
    reader, writer = await asyncio.open_connection(*address)
    stream = b""
    with contextlib.suppress(ConnectionError):
        writer.write(data + FAREWELL)
        try:
            while part := await asyncio.wait_for(reader.read(65_536), SILENCE):
                stream += part
        except TimeoutError:
            outcome.silent += 1
    writer.close()
    with contextlib.suppress(ConnectionError):
        await writer.wait_closed()
    found = answers(stream)
    outcome.bare += not found
    for answer in found:
        outcome.statuses[answer.status] += 1
        if answer.status in (200, 201) and b'"created_at"' in answer.body:
            body = json.loads(answer.body)
            outcome.numbers += body.get("tracking_numbers") or [body["tracking_number"]]


async def _send_all(address: Address, data: Iterator[bytes], at_once: int) -> Outcome:
    outcome = Outcome()

    async def client() -> None:
        for each in data:
            await _send(address, each, outcome)

    await asyncio.gather(*(client() for _ in range(at_once)))
    return outcome


def send_all(address: Address, data: Iterator[bytes], *, at_once: int = 64) -> Outcome:
    """Send each on a connection of its own, `at_once` at a time; read all that comes back."""
    return asyncio.run(_send_all(address, data, at_once))
