"""The load must record what a server did, by a server whose deeds are known."""

from __future__ import annotations

import itertools
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

from tests.support.load import Load, name
from tests.support.ports import HOST, free_port
from tests.support.waiting import wait_until


class Script(BaseHTTPRequestHandler):
    """Answers with a new number, unless the class that derives from it says otherwise."""

    protocol_version = "HTTP/1.1"
    # Headers and body leave in one piece, or the kernel holds the second back for 40 ms.
    wbufsize = -1
    serials: ClassVar[Iterator[int]] = itertools.count()

    def do_GET(self) -> None:
        self.answer(200, f"N{next(self.serials)}")

    def answer(self, status: int, number: str) -> None:
        body = json.dumps({"tracking_number": number}).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class Server(ThreadingHTTPServer):
    """Ends without waiting for clients that keep their connections."""

    daemon_threads = True
    block_on_close = False

    def handle_error(self, *_: object) -> None:
        """A client that has gone away is part of these tests."""


@contextmanager
def served(handler: type[Script]) -> Iterator[tuple[str, int]]:
    server = Server((HOST, 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield (HOST, server.server_port)
    finally:
        server.shutdown()
        server.server_close()
        thread.join(timeout=10)


def test_every_number_is_collected() -> None:
    with served(Script) as address, Load([address], clients=3) as load:
        load.wait_for(100, seconds=10)
    verdict = load.history.verdict()

    assert verdict.acknowledged >= 100
    assert verdict.attempted == verdict.acknowledged == len(load.latencies())
    assert verdict.unique, verdict


def test_a_server_that_repeats_itself_is_caught() -> None:
    class Repeats(Script):
        def do_GET(self) -> None:
            self.answer(200, f"N{next(self.serials) // 2}")

    with served(Repeats) as address, Load([address], clients=2) as load:
        load.wait_for(10, seconds=10)

    assert not load.history.verdict().unique


def test_a_refusal_is_counted_by_its_status() -> None:
    class Refuses(Script):
        def do_GET(self) -> None:
            self.answer(503, "")

    with served(Refuses) as address, Load([address], clients=2) as load:
        wait_until(
            lambda: load.history.verdict().failed.get(503, 0) >= 5, seconds=10, what="five answers"
        )

    assert 0 == load.history.verdict().acknowledged


def test_a_dropped_connection_counts_as_perhaps_served_and_is_replaced() -> None:
    class Drops(Script):
        def do_GET(self) -> None:
            serial = next(self.serials)
            if serial % 2:
                self.close_connection = True
            else:
                self.answer(200, f"N{serial}")

    with served(Drops) as address, Load([address], clients=1) as load:
        load.wait_for(3, seconds=10)
        wait_until(lambda: load.history.verdict().perhaps >= 2, seconds=10, what="two drops")


def test_a_port_that_nobody_listens_on_is_refused() -> None:
    address = (HOST, free_port())
    with Load([address], clients=1) as load:
        wait_until(lambda: load.history.verdict().refused >= 2, seconds=10, what="two refusals")

    assert 0 == load.history.verdict().perhaps


def test_an_answer_after_its_time_out_is_recovered() -> None:
    gate = threading.Event()

    class Slow(Script):
        def do_GET(self) -> None:
            gate.wait(10)
            super().do_GET()

    with served(Slow) as address, Load([address], clients=1, timeout=0.2) as load:
        wait_until(lambda: load.history.verdict().perhaps >= 1, seconds=10, what="a time-out")
        gate.set()
        load.wait_for(1, seconds=10)
    verdict = load.history.verdict()

    assert 1 <= verdict.recovered <= verdict.perhaps
    assert verdict.unique, verdict


def test_the_rate_is_kept_over_all_clients() -> None:
    with served(Script) as address:
        began = time.monotonic()
        with Load([address], clients=4, rate=100) as load:
            load.wait_for(50, seconds=10)
        took = time.monotonic() - began

    # Fifty numbers at a hundred a second; a machine that is busy may take longer, never shorter.
    assert took >= 0.4


def test_the_servers_are_told_apart() -> None:
    with (
        served(Script) as first,
        served(Script) as second,
        Load([first, second], clients=2) as load,
    ):
        load.wait_for(5, seconds=10, address=first)
        load.wait_for(5, seconds=10, address=second)

    assert load.history.verdict(target=name(first)).acknowledged >= 5
    assert load.history.verdict(target=name(second)).acknowledged >= 5


def test_a_percentile_is_one_of_the_latencies() -> None:
    with served(Script) as address, Load([address], clients=1) as load:
        load.wait_for(20, seconds=10)
    latencies = load.latencies()

    assert latencies[0] <= load.percentile(50) <= load.percentile(99) <= latencies[-1]
    assert load.percentile(100) == latencies[-1]
    assert [] == load.latencies(before=0)


def test_a_load_ends_by_itself() -> None:
    with served(Script) as address:
        load = Load([address], clients=1, at_most=0.2)
        load.begin()
        wait_until(
            lambda: not any(thread.name == "load-0" for thread in threading.enumerate()),
            seconds=10,
            what="the client's end",
        )
        load.close()


def test_a_fault_of_the_client_is_not_swallowed() -> None:
    class Babbles(Script):
        def answer(self, status: int, number: str) -> None:
            super().answer(status, number)

        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"[]")

    raised: list[BaseException] = []
    with served(Babbles) as address:
        load = Load([address], clients=1)
        load.begin()
        try:
            load.wait_for(1, seconds=10)
        except TypeError as error:
            raised.append(error)
        finally:
            try:
                load.close()
            except TypeError as error:
                raised.append(error)

    assert 2 == len(raised)
