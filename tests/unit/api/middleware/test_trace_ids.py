"""Which `traceparent` is read, and that the log has its trace's id for as long as the request lasts."""

import io
import logging
from collections.abc import Iterable, Iterator
from wsgiref.types import StartResponse, WSGIEnvironment

import pytest
from werkzeug.test import Client

from tracking_service.api.middleware.metrics import MetricsMiddleware, read_trace_id
from tracking_service.telemetry.counters import Counters
from tracking_service.telemetry.logs import TextFormatter

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
GOOD = f"00-{TRACE}-{PARENT}-01"


@pytest.mark.parametrize(
    "traceparent",
    [GOOD, f"00-{TRACE}-{PARENT}-00", f"cc-{TRACE}-{PARENT}-01", f"01-{TRACE}-{PARENT}-01-more"],
)
def test_the_id_of_a_sane_one_is_read(traceparent: str) -> None:
    assert TRACE == read_trace_id(traceparent)


@pytest.mark.parametrize(
    "traceparent",
    [
        "",
        TRACE,
        f"ff-{TRACE}-{PARENT}-01",
        f"00-{'0' * 32}-{PARENT}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE.upper()}-{PARENT}-01",
        f"00-{TRACE}-{PARENT}",
        f"{GOOD}-more",
        f"{GOOD}\n",
        f" {GOOD}",
        f"{GOOD},{GOOD}",
        f"01-{TRACE}-{PARENT}-01.more",
        f"01-{TRACE}-{PARENT}-01-a b",
    ],
)
def test_one_that_is_not_sane_is_ignored(traceparent: str) -> None:
    assert read_trace_id(traceparent) is None


class Logging:
    """A log, and an application that writes into it and answers in one piece, or in parts."""

    def __init__(self, *, whole: bool) -> None:
        self.text = io.StringIO()
        self._handler = logging.StreamHandler(self.text)
        self._handler.setFormatter(TextFormatter())
        self._log = logging.getLogger("test_trace_ids")
        self._log.addHandler(self._handler)
        self._log.setLevel(logging.INFO)
        self._whole = whole
        self.application = MetricsMiddleware(self._answer, Counters())

    def _answer(self, _environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        start("200 OK", [])
        self.write("within")
        return [b"a"] if self._whole else self._parts()

    def _parts(self) -> Iterator[bytes]:
        yield b"a"
        self.write("between")

    def write(self, event: str) -> None:
        self._log.info(event)

    def close(self) -> None:
        self._log.removeHandler(self._handler)


@pytest.fixture(params=[True, False], ids=["whole", "in parts"])
def logging_app(request: pytest.FixtureRequest) -> Iterator[Logging]:
    made = Logging(whole=request.param)
    yield made
    made.close()


def test_the_log_of_a_request_has_its_trace_and_no_other_has(logging_app: Logging) -> None:
    client = Client(logging_app.application)
    for headers in ({"traceparent": GOOD}, {}, {"traceparent": "nonsense"}):
        client.get("/", headers=headers, buffered=True)
        logging_app.write("after")
    lines = logging_app.text.getvalue().splitlines()

    traced = [line for line in lines if f"trace_id={TRACE}" in line]
    assert len(traced) in (1, 2)
    assert lines[: len(traced)] == traced
    assert all("after" not in line for line in traced)


def test_a_request_that_fails_leaves_no_trace_behind(logging_app: Logging) -> None:
    def fail(*_: object) -> list[bytes]:
        raise RuntimeError

    with pytest.raises(RuntimeError):
        Client(MetricsMiddleware(fail, Counters())).get("/", headers={"traceparent": GOOD})
    logging_app.write("after")

    assert "trace_id=" not in logging_app.text.getvalue()
