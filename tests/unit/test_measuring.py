"""What the benchmarks and the load test conclude is right, and a planted fault is found."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime

import pytest

from benchmarks import wrk
from benchmarks.paced import Connection, Pacer, request
from benchmarks.plan import VARIABLES, Plan, PlanError
from benchmarks.results import Figure, Figures, Target, percentile
from benchmarks.scale import SCALE_VARIABLES
from benchmarks.simulation import World, run
from benchmarks.traffic import paths
from loadtests.answers import Seen, moment_fault, number_fault, refusal_fault
from tests.support.commands import ROOT
from tracking_service.client import (
    BadRequest,
    ClientError,
    Problem,
    Unavailable,
    UnexpectedAnswer,
)

REQUEST = {
    "origin_country_id": "MY",
    "destination_country_id": "ID",
    "created_at": "2026-02-03T10:15:00+08:00",
}
NUMBER = "MYIDBEP6D2FH5S2M"
NOW = datetime(2026, 2, 3, 12, tzinfo=UTC)

WRK = """Running 1s test
  1 threads and 4 connections
  5000 requests in 1.00s, 1.00MB read
{fault}Requests/sec:   4987.65
"""


def figure(*values: float, unit: str = "1/s") -> Figure:
    return Figure("part", "quantity", "of", "on", unit, values)


class SlowServer:
    """Answers one connection, each request `seconds` after it came."""

    def __init__(self, seconds: float, answer: bytes) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._seconds = seconds
        self._answer = answer
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        connection, _ = self._listener.accept()
        with connection:
            while connection.recv(65_536):
                time.sleep(self._seconds)
                connection.sendall(self._answer)

    def close(self) -> None:
        self._listener.close()


OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
BUSY = b"HTTP/1.1 503 Busy\r\nContent-Length: 2\r\n\r\n{}"


def test_a_ratio_is_taken_within_each_round() -> None:
    target = Target.ratio("a over b", figure(10, 40, 90), figure(10, 20, 30), 2.0)

    assert (1.0, 2.0, 3.0) == target.values
    assert target.met


def test_a_target_that_is_missed_says_so() -> None:
    assert not Target.at_most("duration", figure(11, 12, 9, unit="ms"), 10).met
    assert not Target.ratio("a over b", figure(1), figure(2), 1.0).met


def test_a_percentile_is_by_nearest_rank() -> None:
    values = [float(value) for value in range(1, 101)]

    assert (50, 99, 100) == tuple(percentile(values, p) for p in (50, 99, 99.9))


def test_a_figure_without_values_is_refused() -> None:
    with pytest.raises(ValueError, match="nothing was measured"):
        figure()


def test_figures_are_found_by_name_and_kept_by_part() -> None:
    figures = Figures()
    figures.add(figure(1))

    assert figures.find("quantity", "of", "on") is not None
    assert figures.find("quantity", "of", "elsewhere") is None
    assert ["part"] == list(figures.parts())


def test_a_plan_is_read_from_the_environment() -> None:
    plan = Plan.from_environment({"ROUNDS": "2", "BENCH_ONLY": "latency, start"})

    assert (2, 5.0) == (plan.rounds, plan.seconds)
    assert {"latency", "start"} == set(plan.parts)


@pytest.mark.parametrize("environment", [{"ROUNDS": "0"}, {"ROUNDS": "x"}, {"BENCH_ONLY": "x"}])
def test_a_plan_that_cannot_be_is_refused(environment: dict[str, str]) -> None:
    with pytest.raises(PlanError):
        Plan.from_environment(environment)


def test_the_rate_is_read_from_what_wrk_prints() -> None:
    assert 4987.65 == wrk.read(WRK.format(fault=""))


@pytest.mark.parametrize(
    "fault",
    [
        "  Non-2xx or 3xx responses: 7\n",
        "  Socket errors: connect 0, read 3, write 0, timeout 0\n",
    ],
)
def test_a_failed_request_spoils_the_rate(fault: str) -> None:
    with pytest.raises(wrk.LoadError):
        wrk.read(WRK.format(fault=fault))


def test_latency_counts_from_when_a_request_was_due() -> None:
    server = SlowServer(0.05, OK)
    connection = Connection("127.0.0.1", server.port)
    # Twice as many as one connection can get answered: each waits longer than the one before.
    outcome = Pacer([connection], [request("h", "/")]).run(rate=40, seconds=0.25)
    connection.close()
    server.close()

    assert 10 == len(outcome.latencies)
    assert outcome.latencies[0] < 0.15
    assert outcome.latencies[-1] > 0.2


def test_an_error_is_no_latency() -> None:
    server = SlowServer(0, BUSY)
    connection = Connection("127.0.0.1", server.port)
    outcome = Pacer([connection], [request("h", "/")]).run(rate=50, seconds=0.1)
    connection.close()
    server.close()

    assert [] == outcome.latencies
    assert {"answered 503": 5} == outcome.failed


def test_the_requests_are_always_the_same_and_of_many_lanes() -> None:
    assert paths() == paths()
    assert len({path.split("&weight")[0] for path in paths()}) > 100


def test_a_row_with_room_keeps_every_instance_supplied() -> None:
    course = run(World(10, 0.001, rate=100, block_size=1000, reserve_seconds=0), 100)

    assert course.given == course.asked
    assert course.utilisation < 0.01


def test_a_row_that_is_full_gives_its_block_size_by_its_lease_time() -> None:
    course = run(World(100, 0.1, rate=1000, block_size=1000, reserve_seconds=0), 200)

    assert course.utilisation > 0.99
    assert course.given == pytest.approx(1000 / 0.1, rel=0.1)


def test_a_cold_start_serves_one_instance_after_the_other() -> None:
    course = run(World(200, 0.01, cold=True), 20)

    assert course.last_first == pytest.approx(200 * 0.01, rel=0.3)


@pytest.mark.parametrize(
    "number", [None, "myidbep6d2fh5s2m", NUMBER[:-1], "SGIDBEP6D2FH5S2M", NUMBER[:-1] + "N"]
)
def test_a_wrong_number_is_found(number: str | None) -> None:
    assert number_fault(number, REQUEST) is not None


def test_a_right_number_has_no_fault() -> None:
    assert number_fault(NUMBER, REQUEST) is None


@pytest.mark.parametrize(
    "moment",
    ["2026-02-03T12:00:00+00:00", "2026-02-03T19:00:00+08:00", "2026-02-03T20:00:00", "", None],
)
def test_a_wrong_moment_is_found(moment: str | None) -> None:
    assert moment_fault(moment, REQUEST, NOW) is not None


def test_a_moment_in_the_offset_of_the_request_has_no_fault() -> None:
    assert moment_fault("2026-02-03T20:00:01+08:00", REQUEST, NOW) is None


def test_a_repeat_is_found_across_users() -> None:
    seen = Seen()

    assert seen.add(["A", "B"]) is None
    assert seen.add(["B", "C"]) is not None
    assert (["B"], 3) == (seen.repeats, len(seen))


NAMED = Problem(400, "/problems/invalid-request", errors=(("x", "is wrong"),))


@pytest.mark.parametrize(
    "error, parameter",
    [
        (None, "x"),
        (Unavailable("503"), "x"),
        (UnexpectedAnswer("a 400 that is no problem+json"), "x"),
        (BadRequest("400"), "x"),
        (BadRequest("400", problem=NAMED), "y"),
    ],
)
def test_a_bad_answer_to_a_bad_request_is_found(error: ClientError | None, parameter: str) -> None:
    assert refusal_fault(error, parameter) is not None


def test_a_refusal_that_names_the_parameter_is_right() -> None:
    assert refusal_fault(BadRequest("400", problem=NAMED), "x") is None


@pytest.mark.parametrize(
    "module, variables",
    [("benchmarks", VARIABLES), ("benchmarks.scale", SCALE_VARIABLES)],
)
def test_help_measures_nothing_and_names_every_variable_as_the_docs_do(
    module: str, variables: dict[str, str]
) -> None:
    command = [sys.executable, "-m", module, "--help"]
    told = subprocess.run(command, capture_output=True, text=True, check=True, timeout=20).stdout
    page = (ROOT / "docs" / "benchmarks.md").read_text()

    assert [] == [name for name in variables if name not in told or f"`{name}`" not in page]


def test_an_argument_is_refused_before_anything_is_measured() -> None:
    command = [sys.executable, "-m", "benchmarks", "--rounds=1"]
    refused = subprocess.run(command, capture_output=True, text=True, check=False, timeout=20)

    assert 2 == refused.returncode
    assert "unrecognized arguments: --rounds=1" in refused.stderr
