"""Requests that no client sends by mistake: smuggling, odd encodings, too much of anything.

Each is sent as it stands to a real server, which must answer as the table says, once, and spend
nothing. docs/security.md lists them.
"""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from tests.support.client import number_path
from tests.support.instance import Instance
from tests.support.raw import answers, exchange, statuses

NUMBER = number_path().encode()
HOST = b"Host: a\r\n"
# What an attacker would smuggle: it spends a serial, so that one that gets through is counted.
SMUGGLED = b"GET " + NUMBER + b" HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n"


def post(headers: bytes, body: bytes = b"", version: bytes = b"HTTP/1.1") -> bytes:
    return b"POST /healthz " + version + b"\r\n" + HOST + headers + b"\r\n" + body


def get(target: bytes, headers: bytes = b"", version: bytes = b" HTTP/1.1") -> bytes:
    return (
        b"GET " + target + version + b"\r\n" + HOST + b"Connection: close\r\n" + headers + b"\r\n"
    )


CHUNKED = b"Transfer-Encoding: chunked\r\n"
LENGTH = f"Content-Length: {len(SMUGGLED)}\r\n".encode()
END = b"0\r\n\r\n"

SMUGGLING: dict[str, bytes] = {
    "length and chunked": post(b"Content-Length: 5\r\n" + CHUNKED, END + SMUGGLED),
    "chunked and length": post(CHUNKED + LENGTH, END + SMUGGLED),
    "two lengths, unlike": post(b"Content-Length: 0\r\n" + LENGTH, SMUGGLED),
    "two lengths, alike": post(b"Content-Length: 0\r\nContent-Length: 0\r\n", SMUGGLED),
    "two lengths in one": post(b"Content-Length: 0, 0\r\n", SMUGGLED),
    "a length with a sign": post(b"Content-Length: +0\r\n", SMUGGLED),
    "a length below zero": post(b"Content-Length: -1\r\n", SMUGGLED),
    "a length in hexadecimal": post(b"Content-Length: 0x0\r\n", SMUGGLED),
    "a length with an underscore": post(b"Content-Length: 1_0\r\n", SMUGGLED),
    "a length in other digits": post("Content-Length: ٣\r\n".encode(), SMUGGLED),
    "a length of nothing": post(b"Content-Length:\r\n", SMUGGLED),
    "a length with a space before the colon": post(b"Content-Length : 0\r\n", SMUGGLED),
    "a coding with a space before the colon": post(b"Transfer-Encoding : chunked\r\n", END),
    "a coding with a tab about it": post(b"Transfer-Encoding:\x0bchunked\r\n", END + SMUGGLED),
    "chunked twice": post(b"Transfer-Encoding: chunked, chunked\r\n", END + SMUGGLED),
    "chunked in two fields": post(CHUNKED + CHUNKED, END + SMUGGLED),
    "nothing, then chunked": post(b"Transfer-Encoding: , chunked\r\n", END + SMUGGLED),
    "chunked in HTTP/1.0": post(CHUNKED, END + SMUGGLED, b"HTTP/1.0"),
    "a folded coding": post(b"Transfer-Encoding:\r\n chunked\r\n", END + SMUGGLED),
    "a folded length": post(b"Content-Length: 0\r\n\t1\r\n", SMUGGLED),
    "a folded field": post(b"X: a\r\n b\r\n", SMUGGLED),
    "a field begins with a space": b"GET /healthz HTTP/1.1\r\n Host: a\r\n\r\n" + SMUGGLED,
    "a bare line feed between fields": post(b"X: a\nContent-Length: 0\r\n", SMUGGLED),
    "a bare line feed in the first line": b"GET /healthz\n HTTP/1.1\r\nHost: a\r\n\r\n" + SMUGGLED,
    "a bare carriage return": post(b"X: a\rContent-Length: 0\r\n", SMUGGLED),
    "a null byte in a field": post(b"X: a\x00b\r\n", SMUGGLED),
    "a null byte in a name": post(b"X\x00: a\r\n", SMUGGLED),
    "a field without a colon": post(b"Content-Length\r\n", SMUGGLED),
    "a field without a name": post(b": a\r\n", SMUGGLED),
    "a chunk with a signed size": post(CHUNKED, b"+0\r\n\r\n" + SMUGGLED),
    "a chunk in 0x": post(CHUNKED, b"0x0\r\n\r\n" + SMUGGLED),
    "a chunk without a size": post(CHUNKED, b";a\r\n\r\n" + SMUGGLED),
    "a chunk extension with a line feed": post(CHUNKED, b"0;a\nb\r\n\r\n" + SMUGGLED),
    "a chunk longer than it says": post(CHUNKED, b"1\r\nabc\r\n" + END + SMUGGLED),
    "no Host": b"GET /healthz HTTP/1.1\r\n\r\n" + SMUGGLED,
    "two Hosts": get(b"/healthz", b"Host: b\r\n") + SMUGGLED,
    "two tokens": get(b"/healthz", b"Authorization: Bearer a\r\nAuthorization: Bearer b\r\n"),
    "HTTP/0.9": b"GET /healthz\r\n\r\n" + SMUGGLED,
    "HTTP/2.0": get(b"/healthz", version=b" HTTP/2.0") + SMUGGLED,
    "HTTP/1.2": get(b"/healthz", version=b" HTTP/1.2") + SMUGGLED,
    "the preface of HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + SMUGGLED,
    "a method in lower case": b"get /healthz HTTP/1.1\r\nHost: a\r\n\r\n" + SMUGGLED,
    "a tab for a space": b"GET\t/healthz\tHTTP/1.1\r\nHost: a\r\n\r\n" + SMUGGLED,
    "CONNECT": b"CONNECT example.com:443 HTTP/1.1\r\nHost: a\r\n\r\n" + SMUGGLED,
    "a target without a slash": get(b"healthz") + SMUGGLED,
    "a target that is a star": get(b"*") + SMUGGLED,
    "a target that cannot be split": get(b"http://[/healthz") + SMUGGLED,
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(32) + b"\r\n\r\n",
    "SSH": b"SSH-2.0-OpenSSH_9.6\r\n\r\n",
}

OTHERWISE: dict[str, tuple[bytes, int]] = {
    "an unknown coding": (post(b"Transfer-Encoding: xchunked\r\n", END + SMUGGLED), 501),
    "gzip, then chunked": (post(b"Transfer-Encoding: gzip, chunked\r\n", END + SMUGGLED), 501),
    "chunked, then identity": (post(b"Transfer-Encoding: chunked, identity\r\n", END), 501),
    "a body that is announced too large": (post(b"Content-Length: 99999999\r\n"), 413),
    "a length of a thousand digits": (post(b"Content-Length: " + b"9" * 1000 + b"\r\n"), 413),
    "chunks without end": (post(CHUNKED, b"1\r\na\r\n" * 20_000), 413),
    "one line of a chunk without end": (post(CHUNKED, b"0" * 70_000), 413),
    "a target of 20,000 characters": (get(b"/" + b"a" * 20_000), 431),
    "a query of 20,000 characters": (get(NUMBER + b"&x=" + b"a" * 20_000), 431),
    "a field of 20,000 characters": (get(b"/healthz", b"X: " + b"a" * 20_000 + b"\r\n"), 431),
    "5,000 fields": (get(b"/healthz", b"X: a\r\n" * 5000), 431),
    "a head without an end": (b"GET / HTTP/1.1\r\n" + b"X: a\r\n" * 5000, 431),
    "two slashes": (get(b"//metrics"), 404),
    "two slashes, one in disguise": (get(b"/%2fmetrics"), 404),
    "two slashes before a number": (get(b"/" + NUMBER), 404),
    "two slashes and a host": (get(b"http://example.com//healthz"), 404),
    "a percent sign alone": (get(b"/%"), 404),
    "overlong UTF-8": (get(b"/api/tracking-numbers/%c0%ae%c0%ae"), 400),
    "a path upwards": (get(b"/../../etc/passwd"), 404),
    "a path upwards in disguise": (get(b"/assets/x/%2e%2e%2f%2e%2e%2fwsgi.py"), 404),
    "a null byte in the path": (get(b"/healthz%00"), 404),
    "a line feed in the path": (get(b"/healthz%0d%0aX-Y:%20z"), 404),
    "a surrogate in the query": (get(NUMBER + b"&customer_name=%ed%a0%80"), 400),
    "UTF-16 in the query": (get(NUMBER.replace(b"RedBox", b"%ff%feR%00")), 400),
    "digits of another script": (get(NUMBER.replace(b"1.234", b"%d9%a3")), 400),
    "a null byte in a name": (get(NUMBER.replace(b"RedBox", b"Red%00Box")), 400),
    "a parameter twice": (get(NUMBER + b"&weight=1"), 400),
    "a thousand parameters": (get(NUMBER + b"&weight=1" * 1000), 400),
    "raw bytes in the target": (get(b"/\xff\xfe"), 400),
}

ALLOWED: dict[str, tuple[bytes, int]] = {
    "the absolute form": (get(b"http://example.com/healthz"), 200),
    "the absolute form without a path": (
        get(b"http://example.com").replace(b"GET", b"OPTIONS", 1),
        200,
    ),
    "the star of OPTIONS": (get(b"*").replace(b"GET", b"OPTIONS", 1), 404),
    "HTTP/1.0 without a Host": (b"GET /healthz HTTP/1.0\r\n\r\n", 200),
    "a chunk extension": (
        post(CHUNKED + b"Connection: close\r\n", b'1;a="b"\r\nx\r\n' + END),
        405,
    ),
    "trailers": (post(CHUNKED + b"Connection: close\r\n", b"0\r\nHost: b\r\n\r\n"), 405),
    "forged headers of proxies": (
        get(b"/healthz", b"X-Forwarded-For: 1.2.3.4\r\nForwarded: for=1.2.3.4\r\n"),
        200,
    ),
}


@pytest.mark.parametrize("name", SMUGGLING)
def test_what_could_be_read_in_two_ways_is_400_and_the_end(
    instance: Instance, spent: Callable[[], int], name: str
) -> None:
    stream = exchange(instance.address, SMUGGLING[name])
    (answer,) = answers(stream)

    assert [400] == statuses(stream)
    assert "application/problem+json" == answer.headers["Content-Type"]
    assert "no-store" == answer.headers["Cache-Control"]
    assert "close" == answer.headers["Connection"]
    assert answer.headers["Server"] is None
    assert 0 == spent()


TLS_HELLO = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(32)

DETAILS: dict[str, tuple[bytes, str]] = {
    "the beginning of TLS": (TLS_HELLO, "This port speaks HTTP, not HTTPS."),
    "the first byte of TLS": (TLS_HELLO[:1], "This port speaks HTTP, not HTTPS."),
    "the beginning of SOCKS": (b"\x05\x01\x00", "This is not HTTP."),
    "a raw letter in the query": (
        get(NUMBER.replace(b"RedBox", "RedBüx".encode())),
        "The path or query has a character outside ASCII; percent-encode it, as %C3%BC for ü.",
    ),
    "no Host": (SMUGGLING["no Host"], "A request in HTTP/1.1 needs a Host field."),
}


@pytest.mark.parametrize("name", DETAILS)
def test_a_refusal_says_what_is_wrong_and_comes_at_once(instance: Instance, name: str) -> None:
    data, detail = DETAILS[name]
    # Far less than a request may take to come; the client does not end its side.
    stream = exchange(instance.address, data, seconds=5.0)

    assert [400] == statuses(stream)
    assert detail == json.loads(answers(stream)[0].body)["detail"]


@pytest.mark.parametrize("name", OTHERWISE)
def test_what_is_too_much_or_unknown_is_refused(
    instance: Instance, spent: Callable[[], int], name: str
) -> None:
    data, status = OTHERWISE[name]
    stream = exchange(instance.address, data)

    assert [status] == statuses(stream)
    assert "application/problem+json" == answers(stream)[0].headers["Content-Type"]
    assert 0 == spent()


@pytest.mark.parametrize("name", ALLOWED)
def test_what_is_odd_but_means_one_thing_is_answered(instance: Instance, name: str) -> None:
    data, status = ALLOWED[name]

    assert [status] == statuses(exchange(instance.address, data))


def test_a_request_that_announces_no_body_is_not_called_for_one(instance: Instance) -> None:
    """Else the next request would be read as a part of this one."""
    first = b"GET /healthz HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nX-Mine: 1\r\n\r\n"
    stream = exchange(instance.address, first + get(b"/healthz"))

    assert [200, 200] == statuses(stream)


def test_a_bad_length_is_not_called_for_its_body(instance: Instance) -> None:
    data = post(b"Expect: 100-continue\r\nContent-Length: x\r\n", SMUGGLED)

    assert [400] == statuses(exchange(instance.address, data))


def test_pipelined_requests_are_answered_one_each_in_order(instance: Instance) -> None:
    requests = b"".join(
        b"GET " + target + b" HTTP/1.1\r\nHost: a\r\n\r\n" for target in [b"/healthz", b"/x"] * 20
    )
    stream = exchange(instance.address, requests + get(b"/healthz"))

    assert [200, 404] * 20 + [200] == statuses(stream)


def test_nothing_of_a_bad_request_comes_back(instance: Instance) -> None:
    secret = b"<script>alert(1)</script>"
    stream = exchange(instance.address, post(b"X: a\n" + secret + b"\r\n"))
    stream += exchange(instance.address, get(b"/" + secret.replace(b" ", b"")))

    assert secret not in stream


def test_no_attack_leaves_a_traceback_in_the_log(instance: Instance) -> None:
    for data in [*SMUGGLING.values(), *(data for data, _ in OTHERWISE.values())]:
        exchange(instance.address, data)

    assert "Traceback" not in instance.log()
