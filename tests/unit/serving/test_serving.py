"""What the server refuses to start with, and the parts of waitress that it is built on."""

import errno
import socket
import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any
from wsgiref.types import StartResponse, WSGIEnvironment

import pytest
from waitress.adjustments import Adjustments

from tests.support.waiting import wait_until
from tracking_service.errors import SettingsError
from tracking_service.serving import connections, server
from tracking_service.serving.listening import listen
from tracking_service.serving.options import OPTIONS


def refusal(host: str, port: int) -> str:
    """Return the message with which `serve` refuses to start."""

    def application(_environ: WSGIEnvironment, _start_response: StartResponse) -> list[bytes]:
        raise AssertionError

    def unexpected(*_: Any) -> None:
        raise AssertionError

    with pytest.raises(SettingsError) as caught:
        server.serve(
            application,
            host=host,
            port=port,
            threads=1,
            drain_seconds=0.0,
            on_listening=unexpected,
            on_draining=unexpected,
        )
    message = str(caught.value)
    assert "\n" not in message
    return message


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        yield sock.getsockname()[1]


def test_a_port_in_use_is_named(taken: int) -> None:
    assert refusal("127.0.0.1", taken) == f"PORT {taken} is in use already at HOST 127.0.0.1"


def test_a_host_that_is_no_name_is_named() -> None:
    assert refusal("a..b", 0) == "HOST 'a..b' cannot be resolved to an address"


def test_a_host_that_does_not_resolve_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: Any, **__: Any) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)

    assert refusal("nowhere", 0) == "HOST 'nowhere' cannot be resolved to an address"


def test_a_host_of_another_machine_is_named() -> None:
    assert refusal("192.0.2.1", 0) == "HOST '192.0.2.1' is not an address of this machine"


@pytest.mark.parametrize(
    "number, message",
    [
        (errno.EACCES, "PORT 80 at HOST 127.0.0.1 may not be listened on by this user"),
        (
            errno.ENOBUFS,
            "HOST 127.0.0.1 and PORT 80 cannot be listened on: No buffer space available",
        ),
    ],
)
def test_any_other_refusal_of_the_kernel_names_both(
    monkeypatch: pytest.MonkeyPatch, number: int, message: str
) -> None:
    def refuse(*_: Any) -> None:
        raise OSError(number, "no room")

    monkeypatch.setattr(socket.socket, "bind", refuse)

    assert refusal("127.0.0.1", 80) == message


def test_every_address_of_a_name_is_listened_at_on_one_port() -> None:
    sockets = listen("localhost", 0)
    try:
        assert len({sock.getsockname()[1] for sock in sockets}) == 1
        assert {sock.family for sock in sockets} <= {socket.AF_INET, socket.AF_INET6}
    finally:
        for sock in sockets:
            sock.close()


def test_an_address_that_is_absent_does_not_stop_the_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def both(*_: Any, **__: Any) -> list[Any]:
        kind = (socket.SOCK_STREAM, socket.IPPROTO_TCP, "")
        return [
            (socket.AF_INET, *kind, ("192.0.2.1", 0)),
            (socket.AF_INET, *kind, ("127.0.0.1", 0)),
        ]

    monkeypatch.setattr(socket, "getaddrinfo", both)

    (sock,) = listen("localhost", 0)
    with sock:
        assert sock.getsockname()[0] == "127.0.0.1"


Connection = tuple[connections.Channel, socket.socket, dict[int, Any]]


@pytest.fixture
def connection() -> Iterator[Connection]:
    """A channel of the server's, its client's socket, and the map of what the server polls."""
    ours, theirs = socket.socketpair()
    polled: dict[int, Any] = {}
    server: Any = SimpleNamespace(active_channels={}, channels=polled)
    channel = connections.Channel(server, ours, ("", 0), Adjustments(**OPTIONS), map=polled)
    with theirs:
        yield channel, theirs, polled
        for each in list(polled.values()):
            each.cut()


def test_an_idle_connection_is_kept_for_the_grace_then_ended_and_read_on(
    connection: Connection,
) -> None:
    channel, client, polled = connection
    client.setblocking(False)
    grace = connections.IDLE_GRACE_SECONDS
    for now in (100.0, 100.0 + grace / 2):
        channel.retire_if_idle(now)
        with pytest.raises(BlockingIOError):
            client.recv(1)

    channel.retire_if_idle(100.0 + grace)

    assert client.recv(1) == b""
    # A request that crosses the end is taken in and dropped, not answered with a reset.
    (rest,) = polled.values()
    client.send(b"GET / HTTP/1.1\r\n\r\n")
    assert rest.readable()
    assert not rest.writable()
    rest.handle_read_event()
    assert client.recv(1) == b""
    assert channel.requests == []
    client.shutdown(socket.SHUT_WR)
    rest.handle_read_event()
    assert polled == {}


def test_a_connection_with_unread_input_is_not_idle(connection: Connection) -> None:
    channel, client, polled = connection
    client.send(b"G")
    for now in (100.0, 200.0, 300.0):
        channel.retire_if_idle(now)

    assert list(polled.values()) == [channel]


def test_an_ended_connection_is_not_kept_beyond_its_time(
    connection: Connection,
) -> None:
    channel, _, polled = connection
    channel.will_close = True
    channel.handle_write_event()

    (rest,) = polled.values()
    wait_until(rest.writable, seconds=30, what="the time to be over")
    rest.handle_write_event()
    assert polled == {}


def test_a_drain_waits_for_what_is_still_read(connection: Connection) -> None:
    channel, client, polled = connection
    channel.will_close = True
    channel.handle_write_event()
    client.send(b"a late request")

    server.drain(polled, time.monotonic() + 60.0)

    assert polled == {}


def test_every_option_is_one_that_waitress_knows_and_takes_unchanged() -> None:
    taken_over = Adjustments(**OPTIONS)

    assert {name: getattr(taken_over, name) for name in OPTIONS} == OPTIONS
