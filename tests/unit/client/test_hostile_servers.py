"""Whatever a server sends, a call gives the number of its own request or an error, and in time."""

from __future__ import annotations

import asyncio
import gc
import gzip
import time
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import httpx2
import pytest

from tests.support.hostile_server import Asked, HostileServer, answer
from tests.support.service_stand_in import SHIPMENT
from tracking_service.client import (
    AsyncClient,
    Client,
    ClientError,
    Unauthorized,
    Unavailable,
    UnexpectedAnswer,
    Unreachable,
)


def serve(asked: Asked) -> None:
    """As the service does."""
    while (request_id := asked.request()) is not None:
        asked.send(answer(request_id, asked.number()))


def call(url: str, count: int = 1, **options: float) -> list[str]:
    with Client(url, **options) as client:  # type: ignore[arg-type]  # those that are numbers
        return [client.next(SHIPMENT).tracking_number for _ in range(count)]


def call_async(url: str, count: int = 1, **options: float) -> list[str]:
    async def call() -> list[str]:
        async with AsyncClient(url, **options) as client:  # type: ignore[arg-type]
            return [(await client.next(SHIPMENT)).tracking_number for _ in range(count)]

    return asyncio.run(call())


@pytest.mark.parametrize("call", [call, call_async])
def test_an_answer_that_is_sent_twice_is_not_the_next_requests(
    call: Callable[[str, int], list[str]],
) -> None:
    def script(asked: Asked) -> None:
        first = asked.request()
        assert first is not None
        twice = answer(first, asked.number())
        asked.send(twice)
        if asked.request() is not None:
            asked.send(twice)
        serve(asked)

    with HostileServer(script) as server:
        found = call(server.url, 3)

    assert 3 == len(set(found))


@pytest.mark.parametrize("status", [b"200 OK", b"204 No Content", b"404 Not Found"])
def test_an_answer_without_the_id_is_not_the_services_and_ends_its_connection(
    status: bytes,
) -> None:
    def script(asked: Asked) -> None:
        while asked.request() is not None:
            body = b"" if status.startswith(b"204") else None
            asked.send(answer(None, asked.number(), status=status, body=body))

    with HostileServer(script) as server, Client(server.url) as client:
        for _ in range(2):
            with pytest.raises(UnexpectedAnswer, match="not from the service"):
                client.next(SHIPMENT)

    assert 2 == server.connections


@pytest.mark.parametrize(
    "status, kind", [(b"401 Unauthorized", Unauthorized), (b"502 Bad Gateway", Unavailable)]
)
def test_what_a_proxy_says_for_itself_is_told(status: bytes, kind: type[ClientError]) -> None:
    def script(asked: Asked) -> None:
        asked.request()
        asked.send(answer(None, "", status=status, body=b"<h1>"))

    with (
        HostileServer(script) as server,
        Client(server.url, give_up_after=0) as client,
        pytest.raises(kind) as found,
    ):
        client.next(SHIPMENT)

    assert kind is type(found.value)


def test_a_proxy_may_add_an_id_of_its_own() -> None:
    def script(asked: Asked) -> None:
        request_id = asked.request()
        asked.send(answer(request_id, asked.number(), b"X-Request-ID: the-proxys"))

    with HostileServer(script) as server:
        assert ["MYID000000000001"] == call(server.url)


def head_drips(asked: Asked) -> None:
    asked.request()
    asked.drip(b"HTTP/1.1 200 OK\r\nX-Request-ID: " + b"x" * 10_000)


def body_drips(asked: Asked) -> None:
    request_id = asked.request()
    asked.send(answer(request_id, "", b"Content-Length: 10000", body=b""))
    asked.drip(b" " * 10_000)


def without_a_length(asked: Asked, body: bytes) -> None:
    request_id = asked.request()
    assert request_id is not None
    asked.send(b"HTTP/1.1 200 OK\r\nX-Request-ID: " + request_id + b"\r\n\r\n" + body)


@pytest.mark.parametrize("body", [b"", b'{"tracking_number": "MY', b"<svg><path"])
def test_an_answer_that_its_connection_cut_off_is_a_lost_one(body: bytes) -> None:
    def script(asked: Asked) -> None:
        if server.connections == 1:
            without_a_length(asked, body)
        else:
            serve(asked)

    with HostileServer(script) as server:
        assert ["MYID000000000001"] == call(server.url)

    with (
        HostileServer(lambda asked: without_a_length(asked, body)) as server,
        Client(server.url, give_up_after=0) as client,
    ):
        for ask in (lambda: client.next(SHIPMENT), lambda: client.barcode("MYID000000000001")):
            with pytest.raises(Unreachable, match="ended amid the answer"):
                ask()


@pytest.mark.parametrize("body", [b"{}", b"<html>", b'"MYID"'])
def test_an_answer_without_a_length_that_is_another_ones_is_unexpected(body: bytes) -> None:
    with (
        HostileServer(lambda asked: without_a_length(asked, body)) as server,
        pytest.raises(UnexpectedAnswer),
    ):
        call(server.url)


@pytest.mark.parametrize("script", [head_drips, body_drips, Asked.hang])
@pytest.mark.parametrize("call", [call, call_async])
def test_an_answer_that_drips_ends_with_the_time_out(
    script: Callable[[Asked], None], call: Callable[..., list[str]]
) -> None:
    began = time.monotonic()
    with HostileServer(script) as server, pytest.raises(Unreachable):
        call(server.url, timeout=0.3, give_up_after=0)

    assert time.monotonic() - began < 10


def endless(asked: Asked) -> None:
    request_id = asked.request()
    asked.send(answer(request_id, "", b"Transfer-Encoding: chunked", body=b""))
    while True:
        asked.send(b"10000\r\n" + b" " * 65_536 + b"\r\n")


def packed(asked: Asked) -> None:
    request_id = asked.request()
    body = gzip.compress(b" " * 10_000_000)
    asked.send(answer(request_id, "", b"Content-Encoding: gzip", body=body))


@pytest.mark.parametrize("script", [endless, packed])
@pytest.mark.parametrize("call", [call, call_async])
def test_a_body_beyond_what_was_asked_for_is_not_read(
    script: Callable[[Asked], None], call: Callable[[str], list[str]]
) -> None:
    with HostileServer(script) as server, pytest.raises(UnexpectedAnswer, match="body"):
        call(server.url)

    assert 1 == server.connections


def test_a_redirect_is_not_followed_and_a_cookie_not_kept() -> None:
    def script(asked: Asked) -> None:
        while (request_id := asked.request()) is not None:
            to = b"Location: http://127.0.0.1:9/"
            moved = answer(request_id, "", to, b"Set-Cookie: a=b", status=b"302 Found")
            asked.send(moved)

    with HostileServer(script) as server, Client(server.url, token="tn_x") as client:
        for _ in range(2):
            with pytest.raises(UnexpectedAnswer):
                client.next(SHIPMENT)

    assert 2 == len(server.heads)
    assert b"cookie" not in server.heads[1].lower()


def swallowed(asked: Asked) -> None:
    """The server closes without a word."""
    asked.request()


def half_a_head(asked: Asked) -> None:
    asked.request()
    asked.send(b"HTTP/1.1 200 OK\r\nX-Req")


def half_a_body(asked: Asked) -> None:
    asked.send(answer(asked.request(), asked.number())[:-20])


def two_lengths(asked: Asked) -> None:
    asked.send(answer(asked.request(), "", b"Content-Length: 10", b"Content-Length: 70"))


def no_length(asked: Asked) -> None:
    asked.send(answer(asked.request(), "", b"Content-Length: -5"))


def a_bad_chunk(asked: Asked) -> None:
    asked.send(answer(asked.request(), "", b"Transfer-Encoding: chunked", body=b"zz\r\nabc\r\n"))


def a_long_bad_line(asked: Asked) -> None:
    asked.request()
    asked.send(b"\x1b[31m" + b"x" * 90_000 + b"\r\n\r\n")


def hints_without_end(asked: Asked) -> None:
    asked.request()
    while True:
        asked.send(b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" * 10)


def another_protocol(asked: Asked) -> None:
    asked.request()
    asked.send(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n")


@pytest.mark.parametrize(
    "script",
    [
        swallowed,
        half_a_head,
        half_a_body,
        two_lengths,
        no_length,
        a_bad_chunk,
        a_long_bad_line,
        hints_without_end,
        another_protocol,
    ],
)
def test_what_is_no_answer_is_unreachable_and_told_in_a_line(
    script: Callable[[Asked], None],
) -> None:
    with HostileServer(script) as server, pytest.raises(Unreachable) as found:
        call(server.url, timeout=0.5, give_up_after=0)

    assert len(str(found.value)) < 700
    assert str(found.value).isprintable()


def to_the_end(asked: Asked) -> None:
    whole = answer(asked.request(), asked.number())
    asked.send(whole.replace(b"HTTP/1.1", b"HTTP/1.0"))


def in_chunks_with_trailers(asked: Asked) -> None:
    request_id = asked.request()
    body = answer(None, asked.number()).partition(b"\r\n\r\n")[2]
    chunks = b"%x\r\n%s\r\n0\r\nX-Request-ID: another\r\n\r\n" % (len(body), body)
    asked.send(answer(request_id, "", b"Transfer-Encoding: chunked", body=chunks))


def after_a_continue(asked: Asked) -> None:
    request_id = asked.request()
    asked.send(b"HTTP/1.1 100 Continue\r\n\r\n" + answer(request_id, asked.number()))


@pytest.mark.parametrize("script", [to_the_end, in_chunks_with_trailers, after_a_continue])
def test_what_http_allows_is_read(script: Callable[[Asked], None]) -> None:
    with HostileServer(script) as server:
        assert ["MYID000000000001", "MYID000000000002"] == call(server.url, 2)


ONE_CONNECTION = httpx2.Limits(max_connections=1)


def crowd(url: str) -> list[object]:
    """What two calls that have one connection raise."""

    def call(client: Client) -> object:
        with pytest.raises(Unavailable) as found:
            client.next(SHIPMENT)
        return found.value

    with (
        Client(
            url,
            timeout=1.2,
            give_up_after=0,
            open_http=lambda: httpx2.Client(limits=ONE_CONNECTION),
        ) as client,
        ThreadPoolExecutor(2) as pool,
    ):
        return list(pool.map(call, [client, client]))


def crowd_async(url: str) -> list[object]:
    async def call() -> list[object]:
        async with AsyncClient(
            url,
            timeout=1.2,
            give_up_after=0,
            open_http=lambda: httpx2.AsyncClient(limits=ONE_CONNECTION),
        ) as client:
            calls = [client.next(SHIPMENT), client.next(SHIPMENT)]
            return list(await asyncio.gather(*calls, return_exceptions=True))

    return asyncio.run(call())


@pytest.mark.parametrize("crowd", [crowd, crowd_async])
def test_a_call_that_finds_no_free_connection_says_so(crowd: Callable[[str], list[object]]) -> None:
    with HostileServer(Asked.hang) as server:
        errors = crowd(server.url)

    assert {Unreachable, Unavailable} == {type(error) for error in errors}
    assert 1 == sum("all connections of this client are in use" in str(error) for error in errors)


def test_an_async_client_serves_one_event_loop_after_the_other() -> None:
    with HostileServer(serve) as server, warnings.catch_warnings():
        # A connection whose loop has ended is closed when it is collected, which warns of that.
        warnings.simplefilter("ignore", ResourceWarning)
        client = AsyncClient(server.url)
        numbers = [asyncio.run(client.next(SHIPMENT)).tracking_number for _ in range(3)]
        del client
        gc.collect()

    assert ["MYID000000000001", "MYID000000000002", "MYID000000000003"] == numbers
