"""Callers of the service for Locust: mostly numbers, some batches, checks and bad requests.

Every answer is looked at, and a number that comes twice, to whichever users, fails the run.

    locust -f loadtests/locustfile.py --host http://127.0.0.1:8000

opens the web interface on port 8089. https://docs.locust.io/
"""

from __future__ import annotations

import logging
import random
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from locust import User, between, events, task
from locust.env import Environment

from benchmarks.traffic import shipments
from loadtests.answers import Seen, moment_fault, number_fault, refusal_fault
from tracking_service.client import Client, ClientError, Shipment

BATCH = 100

# Of each request it would log the URL.
logging.getLogger("httpx2").setLevel(logging.WARNING)

# One parameter each, made wrong.
BAD: tuple[dict[str, str], ...] = (
    {"origin_country_id": "XX"},
    {"destination_country_id": "my"},
    {"destination_country_id": ""},
    {"weight": "0"},
    {"weight": "1.2345"},
    {"created_at": "2026-02-30T10:00:00+08:00"},
    {"created_at": "2026-02-03T10:00:00"},
    {"customer_id": "42"},
    {"customer_name": ""},
    {"customer_slug": "Not-A-Slug"},
)

seen = Seen()
lately: deque[tuple[str, dict[str, str]]] = deque(maxlen=1000)
given = shipments(seed=random.SystemRandom().getrandbits(32))


class WrongAnswer(Exception):
    """The service answered, and not as it should."""


class Caller(User):
    """A program that labels parcels; it rests between two requests, in seconds."""

    wait_time = between(0.01, 0.1)

    def on_start(self) -> None:
        # One attempt a call: a repeated one would hide what failed.
        self.caller = Client(self.host or "", give_up_after=0)

    def on_stop(self) -> None:
        self.caller.close()

    @contextmanager
    def _timed(self, name: str) -> Iterator[None]:
        """Tell Locust of a request, and what was wrong with it."""
        error: Exception | None = None
        began = time.perf_counter()
        try:
            yield
        except (ClientError, WrongAnswer) as caught:
            error = caught
        self.environment.events.request.fire(
            request_type="client",
            name=name,
            response_time=1000 * (time.perf_counter() - began),
            response_length=0,
            exception=error,
            context={},
        )

    @task(80)
    def number(self) -> None:
        """One number."""
        request = next(given)
        with self._timed("number"):
            issued = self.caller.next(Shipment(**request))
            _check([issued.tracking_number], issued.created_at, request)
            lately.append((issued.tracking_number, request))

    @task(2)
    def batch(self) -> None:
        """A hundred numbers in one request."""
        request = next(given)
        with self._timed("batch"):
            batch = self.caller.batch(Shipment(**request), BATCH)
            _check(batch.tracking_numbers, batch.created_at, request)

    @task(8)
    def check(self) -> None:
        """One of the numbers that came lately: it is known, and of its lane."""
        if not lately:
            return
        number, request = random.choice(lately)
        with self._timed("check"):
            known = self.caller.verify(number)
            lane = (request["origin_country_id"], request["destination_country_id"])
            # Another instance may have issued it, and then knows alone that it did.
            if known.status not in {"issued", "reserved"}:
                raise WrongAnswer(f"{number} is {known.status}")
            if (known.origin_country_id, known.destination_country_id) != lane:
                raise WrongAnswer(f"{number} is of another lane")

    @task(2)
    def typo(self) -> None:
        """A number with one wrong character: never taken for another one."""
        if not lately:
            return
        number, _ = random.choice(lately)
        wrong = number[:-1] + random.choice([c for c in "0123456789ABCXYZ" if c != number[-1]])
        with self._timed("typo"), _refused("number"):
            self.caller.verify(wrong)

    @task(8)
    def bad_request(self) -> None:
        """One parameter is wrong."""
        wrong = random.choice(BAD)
        shipment = replace(Shipment(**next(given)), **wrong)
        (parameter,) = wrong
        with self._timed("bad request"), _refused(parameter):
            self.caller.next(shipment)


@contextmanager
def _refused(parameter: str) -> Iterator[None]:
    """Expect a refusal that names the parameter; WrongAnswer where none comes."""
    refusal: ClientError | None = None
    try:
        yield
    except ClientError as error:
        refusal = error
    if fault := refusal_fault(refusal, parameter):
        raise WrongAnswer(fault) from refusal


def _check(numbers: Sequence[str], created_at: datetime, request: dict[str, str]) -> None:
    faults = [fault for number in numbers if (fault := number_fault(number, request))]
    repeat = seen.add(numbers)
    moment = moment_fault(created_at, request, datetime.now(UTC))
    if fault := next(iter(faults), None) or repeat or moment:
        raise WrongAnswer(fault)


def judge(environment: Environment, **_: Any) -> None:
    """Fail the run where a number came twice, or none came at all."""
    if seen.repeats or not len(seen):
        environment.process_exit_code = 1
    print(f"{len(seen):,} numbers, {len(seen.repeats)} of them given twice {seen.repeats[:10]}")


events.quitting.add_listener(judge)  # type: ignore[no-untyped-call]  # Locust's own lack
