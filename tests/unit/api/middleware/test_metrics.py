"""What is noted of a request, whoever answers it and however the answer ends."""

import logging
from collections.abc import Iterable, Iterator
from typing import Any
from wsgiref.types import StartResponse, WSGIEnvironment

import pytest

from tracking_service.api.middleware.metrics import ROUTE, MetricsMiddleware
from tracking_service.telemetry.exposition import REQUESTS
from tracking_service.telemetry.logs import request_id


class Counters:
    """Notes what it is told."""

    def __init__(self) -> None:
        self.has_joined = False
        self.multiprocess: list[bool] = []
        self.answers: list[tuple[str, ...]] = []

    def join_workers(self, *, multiprocess: bool) -> None:
        self.has_joined = True
        self.multiprocess.append(multiprocess)

    def observe(self, key: tuple[str, ...], seconds: float) -> None:
        assert 0 <= seconds < 60
        self.answers.append(key)


class Body:
    """A body in parts, which may fail, and notes its close."""

    def __init__(self, *parts: bytes | Exception) -> None:
        self.parts = parts
        self.closed = 0
        self.ids: list[str | None] = []

    def __iter__(self) -> Iterator[bytes]:
        for part in self.parts:
            self.ids.append(request_id.get())
            if isinstance(part, Exception):
                raise part
            yield part

    def close(self) -> None:
        self.closed += 1


class Watched:
    """An application under watch, and what is seen of it from both sides."""

    def __init__(self, body: Any, *, status: str = "200 OK", access_log: bool = False) -> None:
        self.body, self.status = body, status
        self.counters = Counters()
        self.heads: list[tuple[str, list[tuple[str, str]]]] = []
        self.seen_ids: list[str | None] = []
        self.watch = MetricsMiddleware(self._answer, self.counters, access_log=access_log)  # type: ignore[arg-type]

    def _answer(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        environ[ROUTE] = "/route"
        self.seen_ids.append(request_id.get())
        if isinstance(self.body, BaseException):
            raise self.body
        start_response(self.status, [("A", "b")])
        body: Iterable[bytes] = self.body
        return body

    def ask(self, **environ: Any) -> Any:
        def start(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
            self.heads.append((status, headers))

        return self.watch({"REQUEST_METHOD": "GET", **environ}, start)

    @property
    def answered_id(self) -> str:
        ((_, headers),) = self.heads
        return dict(headers)["X-Request-ID"]


def test_a_whole_body_is_counted_at_once_and_passed_on_as_it_is() -> None:
    body = [b"whole"]
    watched = Watched(body)

    assert watched.ask() is body
    assert [(REQUESTS, "/route", "200")] == watched.counters.answers
    assert "200 OK" == watched.heads[0][0]
    assert ("A", "b") == watched.heads[0][1][0]


def test_a_body_in_parts_is_counted_at_its_end() -> None:
    body = Body(b"a", b"b")
    watched = Watched(body, status="201 CREATED")
    answer = watched.ask()

    assert [] == watched.counters.answers
    assert [b"a", b"b"] == list(answer)
    assert [(REQUESTS, "/route", "201")] == watched.counters.answers
    answer.close()
    assert [(REQUESTS, "/route", "201")] == watched.counters.answers
    assert 1 == body.closed


def test_a_body_that_nobody_reads_is_counted_at_its_close() -> None:
    body = Body(b"a", b"b")
    watched = Watched(body)
    answer = watched.ask()
    next(answer)
    answer.close()

    assert [(REQUESTS, "/route", "200")] == watched.counters.answers
    assert 1 == body.closed


def test_a_body_that_fails_is_counted_at_its_close() -> None:
    watched = Watched(Body(b"a", OSError("gone")))
    answer = watched.ask()
    with pytest.raises(OSError, match="gone"):
        list(answer)
    answer.close()

    assert [(REQUESTS, "/route", "200")] == watched.counters.answers


@pytest.mark.parametrize("error", [RuntimeError("x"), SystemExit(1)])
def test_an_application_that_fails_counts_as_a_500(error: BaseException) -> None:
    watched = Watched(error)
    with pytest.raises(type(error)):
        watched.ask()

    assert [(REQUESTS, "/route", "500")] == watched.counters.answers
    assert request_id.get() is None


def test_what_has_no_route_is_counted_as_other() -> None:
    watched = Watched([b""])
    nothing = MetricsMiddleware(
        lambda _, start: (start("404 NOT FOUND", []), [])[1],
        watched.counters,  # type: ignore[arg-type]
    )
    nothing({"REQUEST_METHOD": "GET"}, lambda *_: lambda _: None)

    assert [(REQUESTS, "other", "404")] == watched.counters.answers


def test_a_request_has_its_id_from_its_beginning_to_its_end_and_no_longer() -> None:
    body = Body(b"a")
    watched = Watched(body)
    answer = watched.ask(HTTP_X_REQUEST_ID="given-1")
    list(answer)

    assert ["given-1"] == watched.seen_ids == body.ids
    assert "given-1" == watched.answered_id
    assert request_id.get() is None


def test_an_id_that_is_not_sane_is_not_sent_back() -> None:
    watched = Watched([b""])
    watched.ask(HTTP_X_REQUEST_ID="a b")

    assert watched.seen_ids == [watched.answered_id]
    assert "a b" != watched.answered_id


@pytest.mark.parametrize("flag", [True, False])
def test_the_first_request_tells_whether_there_are_more_processes(flag: bool) -> None:
    watched = Watched([b""])
    watched.ask(**{"wsgi.multiprocess": flag})
    watched.ask(**{"wsgi.multiprocess": not flag})

    assert [flag] == watched.counters.multiprocess


def test_without_being_asked_for_there_is_no_access_log(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        Watched([b""]).ask()

    assert [] == caplog.records


def test_the_access_log_has_the_route_and_neither_path_nor_query(
    caplog: pytest.LogCaptureFixture,
) -> None:
    watched = Watched([b""], status="404 NOT FOUND", access_log=True)
    with caplog.at_level(logging.INFO):
        watched.ask(PATH_INFO="/secret", QUERY_STRING="customer_name=secret")
    (record,) = caplog.records

    assert "answered" == record.getMessage()
    assert ("/route", 404, "GET") == (
        vars(record)["route"],
        vars(record)["status"],
        vars(record)["method"],
    )
    assert "secret" not in str(vars(record))


def test_a_method_that_nobody_knows_is_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        Watched([b""], access_log=True).ask(REQUEST_METHOD="SECRET")

    assert "?" == vars(caplog.records[0])["method"]
