"""The server as a process: how it starts, drains and ends, seen from its clients."""

import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from urllib.parse import urlsplit

import pytest

from tests.support.commands import ROOT
from tests.support.drain_client import BOUND, Server
from tests.support.drain_server import PIECE, PIECES
from tests.support.waiting import wait_until
from tracking_service.serving.messages import DETAILS

CLIENTS = 16


Start = Callable[..., Server]


@pytest.fixture
def start() -> Iterator[Start]:
    """Start servers, and kill those that the test has left running."""
    with ExitStack() as stack:

        def start(*options: str) -> Server:
            process = stack.enter_context(
                subprocess.Popen(
                    [sys.executable, "-m", "tests.support.drain_server", *options],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    text=True,
                    cwd=ROOT,
                    env={},
                )
            )
            server = Server(process)
            stack.callback(server.reader.join)
            stack.callback(process.kill)
            url = urlsplit(server.hear("listening"))
            assert url.hostname == "127.0.0.1"
            assert url.port
            server.address = (url.hostname, url.port)
            return server

        yield start


# Start.


def test_port_0_is_a_free_port_and_the_url_tells_which(start: Start) -> None:
    first, second = start(), start()

    assert first.address != second.address
    for server in first, second:
        with server.connect() as connection:
            connection.ask("/fast")
            assert connection.reply().body == b"/fast"


def test_a_connection_is_kept_and_the_server_says_nothing_of_itself(start: Start) -> None:
    with start().connect() as connection:
        for _ in range(3):
            connection.ask("/fast")
            reply = connection.reply()

            assert not reply.closes
            assert "server" not in reply.headers


def test_a_small_answer_is_sent_in_one_piece(start: Start) -> None:
    # A process that is killed between two would leave its client with half an answer.
    with start().connect() as connection:
        connection.ask("/sends")
        before = int(connection.reply().body)
        for _ in range(10):
            connection.ask("/fast")
            connection.reply()
        connection.ask("/sends")

        assert int(connection.reply().body) == before + 11


def test_outside_the_main_thread_signals_are_left_alone(start: Start) -> None:
    server = start("--in-thread")
    server.signal()

    assert server.ended() == -signal.SIGTERM


# Drain.


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_lets_the_request_in_flight_finish_and_no_other_in(
    start: Start, number: signal.Signals
) -> None:
    server = start()
    with server.connect() as busy, server.connect() as idle:
        idle.ask("/fast")
        assert not idle.reply().closes
        busy.ask("/hold")
        server.hear("holding")
        server.signal(number)
        server.hear("draining")
        wait_until(server.refuses, seconds=BOUND, what="a refused connection")
        assert idle.rest() == b""
        assert server.process.poll() is None

        server.command("release")

        reply = busy.reply()
        assert (reply.status, reply.body) == (200, b"/hold")
        assert reply.closes
        assert busy.rest() == b""
    assert server.ended() == 0
    assert server.hear("returned") == ", handlers restored: True"


def test_a_signal_wakes_an_idle_server_at_once(start: Start) -> None:
    server = start()
    server.signal()

    server.hear("draining")
    assert server.ended() == 0


def test_a_request_on_an_idle_connection_is_answered_and_told_to_close(start: Start) -> None:
    server = start("--pause")
    with server.connect() as idle:
        idle.ask("/fast")
        assert not idle.reply().closes
        server.signal()
        server.hear("draining")
        idle.ask("/fast")
        server.command("drain")

        assert idle.reply().closes
        assert idle.rest() == b""
    assert server.ended() == 0


def test_connections_that_the_kernel_has_accepted_are_answered(start: Start) -> None:
    server = start("--pause")
    server.signal()
    server.hear("draining")
    with ExitStack() as stack:
        waiting = [stack.enter_context(server.connect()) for _ in range(20)]
        for connection in waiting:
            connection.ask("/fast")
        server.command("drain")

        assert all(connection.reply().closes for connection in waiting)
    assert server.ended() == 0


def test_pipelined_requests_are_all_answered_and_only_the_last_closes(start: Start) -> None:
    server = start()
    with server.connect() as connection:
        connection.ask("/hold", *["/fast"] * 300)
        server.hear("holding")
        server.signal()
        server.hear("draining")
        server.command("release")

        replies = [connection.reply() for _ in range(301)]
        assert [reply.closes for reply in replies] == [False] * 300 + [True]
        assert connection.rest() == b""
    assert server.ended() == 0


def test_a_request_half_received_is_waited_for(start: Start) -> None:
    server = start()
    with server.connect() as slow, server.connect() as idle:
        idle.ask("/fast")
        idle.reply()
        slow.sock.sendall(b"GET /fast HTTP/1.1\r\nHost: ")
        server.signal()
        server.hear("draining")
        assert idle.rest() == b""
        slow.sock.sendall(b"test\r\n\r\n")

        assert slow.reply().closes
    assert server.ended() == 0


@pytest.mark.parametrize("path", ["/large", "/stream"])
def test_a_large_response_is_sent_to_its_end(start: Start, path: str) -> None:
    server = start()
    with server.connect() as connection:
        connection.ask(path)
        assert connection.file.peek(1)[:1] == b"H"  # type: ignore[attr-defined]
        server.signal()
        server.hear("draining")
        wait_until(server.refuses, seconds=BOUND, what="a refused connection")

        assert connection.reply().body == PIECE * PIECES
        assert connection.rest() == b""
    assert server.ended() == 0


def test_http_1_0_with_keep_alive_is_told_to_close_too(start: Start) -> None:
    server = start("--pause")
    server.signal()
    server.hear("draining")
    with server.connect() as connection:
        connection.sock.sendall(b"GET /fast HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
        server.command("drain")

        assert connection.reply().closes
        assert connection.rest() == b""
    assert server.ended() == 0


def test_no_request_of_keep_alive_clients_fails_under_load(start: Start) -> None:
    server = start()
    answered = [0] * CLIENTS
    failures: list[Exception] = []
    told: list[int] = []

    def client(number: int) -> None:
        pause = threading.Event()
        try:
            with server.connect() as connection:
                while True:
                    connection.ask("/fast")
                    reply = connection.reply()
                    assert (reply.status, reply.body) == (200, b"/fast")
                    answered[number] += 1
                    if reply.closes:
                        assert connection.rest() == b""
                        told.append(number)
                        return
                    # Every fourth client takes its time, as one behind a person does.
                    pause.wait(0.1 if number % 4 == 0 else 0.0)
        except (OSError, EOFError, AssertionError) as error:
            failures.append(error)

    clients = [threading.Thread(target=client, args=(number,)) for number in range(CLIENTS)]
    for thread in clients:
        thread.start()
    wait_until(
        lambda: bool(failures) or (all(answered) and sum(answered) >= 1000),
        seconds=BOUND,
        what="an answer for each client",
    )
    server.signal()
    for thread in clients:
        thread.join(BOUND)

    assert failures == []
    assert sorted(told) == list(range(CLIENTS))
    assert server.ended() == 0


def test_the_drain_ends_at_its_bound_when_a_request_hangs(start: Start) -> None:
    server = start("--drain-seconds", "0.4")
    with server.connect() as connection:
        connection.ask("/hang")
        server.hear("hanging")
        began = time.monotonic()
        server.signal()

        assert server.ended() == 0
        assert 0.4 <= time.monotonic() - began < 5.0
        assert connection.rest() == b""


def test_the_drain_ends_at_its_bound_when_a_client_does_not_read(start: Start) -> None:
    server = start("--drain-seconds", "0.4")
    with server.connect() as connection:
        connection.ask("/stream")
        assert connection.file.peek(1)[:1] == b"H"  # type: ignore[attr-defined]
        began = time.monotonic()
        server.signal()

        assert server.ended() == 0
        assert 0.4 <= time.monotonic() - began < 5.0


@pytest.mark.parametrize(
    "first, second",
    [
        (signal.SIGTERM, signal.SIGTERM),
        (signal.SIGINT, signal.SIGINT),
        (signal.SIGTERM, signal.SIGINT),
    ],
)
@pytest.mark.parametrize("options", [(), ("--pause",)])
def test_a_second_signal_ends_at_once(
    start: Start, first: signal.Signals, second: signal.Signals, options: tuple[str, ...]
) -> None:
    server = start(*options)
    with server.connect() as connection:
        connection.ask("/hang")
        server.hear("hanging")
        server.signal(first)
        server.hear("draining")
        server.signal(second)

        assert server.ended() == 128 + second


# Errors.


MALFORMED = {
    "no request line": (b"secret\r\n\r\n", 400),
    "a method in lower case": (b"secret / HTTP/1.1\r\n\r\n", 400),
    "a header without a colon": (b"GET / HTTP/1.1\r\nsecret\r\n\r\n", 400),
    "a length that is no number": (b"POST / HTTP/1.1\r\nContent-Length: secret\r\n\r\n", 400),
    "a header too large": (b"GET / HTTP/1.1\r\nX: " + b"secret" * 3000 + b"\r\n\r\n", 431),
    "a target too large": (b"GET /" + b"secret" * 3000 + b" HTTP/1.1\r\n\r\n", 431),
    "a body too large": (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 65536\r\n\r\n", 413),
    "an unknown coding": (b"POST / HTTP/1.1\r\nTransfer-Encoding: secret\r\n\r\n", 501),
    "an application that fails": (b"GET /fail HTTP/1.1\r\nHost: a\r\n\r\n", 500),
}


@pytest.mark.parametrize("case", MALFORMED)
def test_an_error_of_the_server_itself_is_a_problem_too(start: Start, case: str) -> None:
    request, status = MALFORMED[case]
    with start().connect() as connection:
        connection.sock.sendall(request)
        reply = connection.reply()
        assert connection.rest() == b""

    assert reply.status == status
    assert reply.closes
    assert reply.headers["content-type"] == "application/problem+json"
    assert reply.headers["cache-control"] == "no-store"
    problem = json.loads(reply.body)
    assert problem.keys() == {"type", "title", "status", "detail"}
    assert (problem["type"], problem["status"]) == ("about:blank", status)
    assert problem["title"]
    assert problem["detail"] == DETAILS[status]
    assert b"secret" not in reply.body


def test_an_error_of_the_server_itself_gives_the_requests_id_back(start: Start) -> None:
    with start().connect() as connection:
        head = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 65536\r\n"
        connection.sock.sendall(head + b"X-Request-ID: order-1.ab\r\n\r\n")
        reply = connection.reply()

    assert (413, "order-1.ab") == (reply.status, reply.headers["x-request-id"])


def test_the_refusal_of_a_body_arrives_while_the_body_is_still_being_sent(start: Start) -> None:
    """A socket closed at once would answer the rest of the body with a reset, and lose it."""
    with start().connect() as connection:
        body = PIECE * PIECES
        head = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % len(body)
        connection.sock.sendall(head)
        connection.sock.sendall(body)

        assert connection.reply().status == 413


def test_a_request_that_ends_its_worker_costs_one_connection_only(start: Start) -> None:
    server = start("--threads", "1")
    with server.connect() as connection:
        connection.ask("/exit")
        assert connection.rest() == b""
    with server.connect() as connection:
        connection.ask("/fast")

        assert connection.reply().body == b"/fast"
