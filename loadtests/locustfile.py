"""Callers of the service for Locust: mostly numbers, some batches, checks and bad requests.

Every answer is looked at, and a number that comes twice, to whichever users, fails the run.

    locust -f loadtests/locustfile.py --host http://127.0.0.1:8000

opens the web interface on port 8089. https://docs.locust.io/
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from locust import FastHttpUser, between, events, task
from locust.env import Environment

from benchmarks.traffic import NEXT_NUMBER, shipments
from loadtests.answers import Seen, moment_fault, number_fault, problem_fault

NUMBERS = "/api/tracking-numbers/"
BATCH = 100

# One parameter each, made wrong; None leaves it out.
BAD: tuple[tuple[str, str | None], ...] = (
    ("origin_country_id", "XX"),
    ("destination_country_id", "my"),
    ("destination_country_id", None),
    ("weight", "0"),
    ("weight", "1.2345"),
    ("created_at", "2026-02-30T10:00:00+08:00"),
    ("created_at", "2026-02-03T10:00:00"),
    ("customer_id", "42"),
    ("customer_name", ""),
    ("customer_slug", "Not-A-Slug"),
)

seen = Seen()
lately: deque[tuple[str, dict[str, str]]] = deque(maxlen=1000)
given = shipments(seed=random.SystemRandom().getrandbits(32))


class Caller(FastHttpUser):
    """A program that labels parcels; it rests between two requests, in seconds."""

    wait_time = between(0.01, 0.1)

    @task(80)
    def number(self) -> None:
        """One number."""
        request = next(given)
        path = f"{NEXT_NUMBER}?{urlencode(request)}"
        with self.client.get(path, name="number", catch_response=True) as answer:
            if answer.status_code != 200:
                answer.failure(f"answered {answer.status_code}")
                return
            body: dict[str, Any] = answer.json()
            fault = self._faults([body.get("tracking_number")], body, request)
            if fault:
                answer.failure(fault)
            else:
                lately.append((body["tracking_number"], request))

    @task(2)
    def batch(self) -> None:
        """A hundred numbers in one request."""
        request = next(given)
        wanted = {**request, "count": BATCH}
        with self.client.post(NUMBERS, json=wanted, name="batch", catch_response=True) as answer:
            if answer.status_code != 201:
                answer.failure(f"answered {answer.status_code}")
                return
            body: dict[str, Any] = answer.json()
            numbers = body.get("tracking_numbers", [])
            if len(numbers) != BATCH:
                answer.failure(f"{len(numbers)} numbers instead of {BATCH}")
            elif fault := self._faults(numbers, body, request):
                answer.failure(fault)

    @task(8)
    def check(self) -> None:
        """One of the numbers that came lately: it is known, and of its lane."""
        if not lately:
            return
        number, request = random.choice(lately)
        with self.client.get(NUMBERS + number, name="check", catch_response=True) as answer:
            body: dict[str, Any] = answer.json()
            lane = (request["origin_country_id"], request["destination_country_id"])
            # Another instance may have issued it, and then knows alone that it did.
            if answer.status_code != 200 or body.get("status") not in {"issued", "reserved"}:
                answer.failure(f"{number} is not known: {answer.status_code}")
            elif (body["origin_country_id"], body["destination_country_id"]) != lane:
                answer.failure(f"{number} is of another lane")

    @task(2)
    def typing_error(self) -> None:
        """A number with one wrong character: never taken for another one."""
        if not lately:
            return
        number, _ = random.choice(lately)
        wrong = number[:-1] + random.choice([c for c in "0123456789ABCXYZ" if c != number[-1]])
        path = NUMBERS + wrong
        with self.client.get(path, name="typing error", catch_response=True) as answer:
            self._expect_problem(answer, "number")

    @task(8)
    def bad_request(self) -> None:
        """One parameter is wrong or missing."""
        parameter, value = random.choice(BAD)
        request = {**next(given), parameter: value}
        query = urlencode({name: text for name, text in request.items() if text is not None})
        path = f"{NEXT_NUMBER}?{query}"
        with self.client.get(path, name="bad request", catch_response=True) as answer:
            self._expect_problem(answer, parameter)

    @staticmethod
    def _expect_problem(answer: Any, parameter: str) -> None:
        content_type = answer.headers.get("Content-Type", "")
        fault = problem_fault(answer.status_code, content_type, answer.json(), parameter)
        if fault:
            answer.failure(fault)
        else:
            # To Locust any 400 is a failure; this one is what was wanted.
            answer.success()

    @staticmethod
    def _faults(
        numbers: list[Any], body: Mapping[str, Any], request: Mapping[str, str]
    ) -> str | None:
        for number in numbers:
            if fault := number_fault(number, request):
                return fault
        moment = moment_fault(body.get("created_at"), request, datetime.now(UTC))
        return seen.add(numbers) or moment


def judge(environment: Environment, **_: Any) -> None:
    """Fail the run where a number came twice, or none came at all."""
    if seen.repeats or not len(seen):
        environment.process_exit_code = 1
    print(f"{len(seen):,} numbers, {len(seen.repeats)} of them given twice {seen.repeats[:10]}")


events.quitting.add_listener(judge)  # type: ignore[no-untyped-call]  # Locust's own lack
