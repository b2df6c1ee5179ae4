"""The service as a client sees it, in memory: numbers without end, and faults when they are asked for.

    service = ServiceStandIn()
    client = service.client("http://a", "http://b")
    service.faults.append(no_answer)
    client.next(SHIPMENT)

Time stands still but for the pauses of the clients made here, so that no test waits for one.
"""

from __future__ import annotations

import itertools
import json
import threading
from collections import deque
from collections.abc import Callable
from typing import Any

import httpx2

from tests.support.client import PARAMETERS
from tracking_service.client import AsyncClient, Client, Shipment

SHIPMENT = Shipment(**PARAMETERS)
MOMENT = "2026-11-25T06:08:59+08:00"
BARCODE = '<svg xmlns="http://www.w3.org/2000/svg"></svg>'

Fault = Callable[[httpx2.Request], httpx2.Response]


def no_answer(request: httpx2.Request) -> httpx2.Response:
    """The connection fails."""
    raise httpx2.ConnectError("connection refused", request=request)


def cut_off(request: httpx2.Request) -> httpx2.Response:
    """The server dies amid its answer."""
    raise httpx2.RemoteProtocolError("peer closed connection", request=request)


def problem(status: int, slug: str, *, retry_after: int | None = None, **members: object) -> Fault:
    """A problem as the service writes it."""
    headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
    body = {"type": f"/problems/{slug}", "title": slug, "status": status, "detail": slug, **members}
    headers["Content-Type"] = "application/problem+json"
    return lambda request: httpx2.Response(status, headers=headers, content=json.dumps(body))


def answer(status: int, body: str, content_type: str = "text/html") -> Fault:
    """Any answer."""
    return lambda request: httpx2.Response(
        status, headers={"Content-Type": content_type}, content=body
    )


class ServiceStandIn:
    """Answers for every base URL. Safe for any number of threads."""

    def __init__(self) -> None:
        self.now = 1000.0
        """What the clients' clock shows, in seconds."""
        self.pauses: list[float] = []
        """The pauses that the clients have made."""
        self.requests: list[httpx2.Request] = []
        self.faults: deque[Fault] = deque()
        """What the next requests meet instead of an answer, one each."""
        self.broken: dict[str, Fault] = {}
        """What every request to a host meets."""
        self.issued: list[str] = []
        self.keys: dict[str, list[str]] = {}
        """The numbers that were issued under each idempotency key."""
        self.lost_answers = 0
        """So many of the next requests are carried out, and their answers lost."""
        self.on_the_way: Callable[[], None] = lambda: None
        """Called when a request has been carried out, before its answer comes."""
        self.open = threading.Event()
        """Every request hangs while it is not set."""
        self.open.set()
        self.echoes = True
        """Whether answers give the request's id back, as all of the service do."""
        self._serials = itertools.count(1)
        self._lock = threading.Lock()

    def client(self, *urls: str, **options: Any) -> Client:
        """A client of this stand-in; without jitter unless `options` say otherwise."""

        def sleep(seconds: float) -> None:
            self._pass(seconds)

        return Client(
            urls or ["http://service"],
            open_http=lambda: httpx2.Client(transport=httpx2.MockTransport(self.answer)),
            **{"clock": lambda: self.now, "sleep": sleep, "random": lambda: 0.0, **options},
        )

    def async_client(self, *urls: str, **options: Any) -> AsyncClient:
        """The same, for tasks."""

        async def sleep(seconds: float) -> None:
            self._pass(seconds)

        return AsyncClient(
            urls or ["http://service"],
            open_http=lambda: httpx2.AsyncClient(transport=httpx2.MockTransport(self.answer)),
            **{"clock": lambda: self.now, "sleep": sleep, "random": lambda: 0.0, **options},
        )

    def hosts(self) -> list[str]:
        """The hosts that were asked, in order."""
        return [request.url.host for request in self.requests]

    def _pass(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds

    def answer(self, request: httpx2.Request) -> httpx2.Response:
        """What a request gets."""
        if not self.open.wait(30):
            raise TimeoutError("nobody opened the stand-in")
        answered = self._answer_or_fault(request)
        if self.echoes:
            answered.headers.setdefault("X-Request-ID", request.headers["X-Request-ID"])
        return answered

    def _answer_or_fault(self, request: httpx2.Request) -> httpx2.Response:
        with self._lock:
            self.requests.append(request)
            if self.faults:
                return self.faults.popleft()(request)
            if request.url.host in self.broken:
                return self.broken[request.url.host](request)
            answered = self._serve(request)
            self.on_the_way()
            if self.lost_answers:
                self.lost_answers -= 1
                return cut_off(request)
            return answered

    def _serve(self, request: httpx2.Request) -> httpx2.Response:
        if request.method == "POST":
            return self._batch(request)
        if request.url.path.endswith("/barcode.svg"):
            return httpx2.Response(200, headers={"Content-Type": "image/svg+xml"}, text=BARCODE)
        if request.url.path.startswith("/api/tracking-numbers/"):
            return httpx2.Response(200, json=known(request.url.path.rpartition("/")[2]))
        number = self._issue_for_key(request, 1)[0]
        return httpx2.Response(200, json={"tracking_number": number, "created_at": MOMENT})

    def _batch(self, request: httpx2.Request) -> httpx2.Response:
        count = json.loads(request.content)["count"]
        numbers = self._issue_for_key(request, count)
        body = {"tracking_numbers": numbers, "created_at": MOMENT, "count": count}
        return httpx2.Response(201, json=body)

    def _issue_for_key(self, request: httpx2.Request, count: int) -> list[str]:
        key = request.headers.get("Idempotency-Key")
        if key is None:
            return self._issue(count)
        if key not in self.keys:
            self.keys[key] = self._issue(count)
        return self.keys[key]

    def _issue(self, count: int) -> list[str]:
        numbers = [f"MYID{serial:012}" for serial in itertools.islice(self._serials, count)]
        self.issued += numbers
        return numbers


def known(number: str) -> dict[str, str]:
    return {
        "tracking_number": "".join(filter(str.isalnum, number.upper())),
        "series": "default",
        "origin_country_id": "MY",
        "destination_country_id": "ID",
        "status": "issued",
        "leased_at": "2026-11-24T22:08:39Z",
    }
