"""Spans: one a request, on the fast path as elsewhere, and nothing in them that nobody may hear."""

from __future__ import annotations

import gzip
import logging
import re
import shlex
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from tests.support.apps import opened_app
from tests.support.client import PARAMETERS, number_path
from tests.support.commands import ROOT, environment
from tests.support.instance import SERVE, Instance
from tests.support.lifetime import Lifetime
from tests.support.ports import HOST
from tests.support.waiting import wait_until
from tracking_service.telemetry.logs import trace_id

NEXT = "/api/next-tracking-number"
TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
TRACEPARENT = {"traceparent": f"00-{TRACE}-{PARENT}-01"}


@pytest.fixture(scope="module")
def exporter() -> InMemorySpanExporter:
    """What a process exports to: there is one provider for each, and it stays."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    trace.set_tracer_provider(provider)
    return exporter


@pytest.fixture
def spans(exporter: InMemorySpanExporter) -> InMemorySpanExporter:
    exporter.clear()
    return exporter


@pytest.fixture
def app(migrated_sqlite_url: str, tmp_path: Path) -> Iterator[Flask]:
    with opened_app(migrated_sqlite_url, tmp_path, traces=True, access_log=True) as app:
        yield app


def only(spans: InMemorySpanExporter) -> ReadableSpan:
    (span,) = spans.get_finished_spans()
    return span


def attributes(span: ReadableSpan) -> dict[str, Any]:
    return dict(span.attributes or {})


@pytest.mark.parametrize(
    "method, path, name, status",
    [
        ("GET", number_path(), f"GET {NEXT}", 200),
        ("GET", number_path(weight="0"), f"GET {NEXT}", 400),
        ("HEAD", number_path(), f"HEAD {NEXT}", 200),
        ("POST", "/api/tracking-numbers/", "POST /api/tracking-numbers", 201),
        (
            "GET",
            "/api/tracking-numbers/RA473124829MY",
            "GET /api/tracking-numbers/<number>",
            400,
        ),
        ("GET", "/healthz", "GET /healthz", 200),
        ("GET", "/RedBox/nowhere", "GET", 404),
    ],
)
def test_each_request_has_a_span_that_is_named_by_its_route(
    app: Flask, spans: InMemorySpanExporter, method: str, path: str, name: str, status: int
) -> None:
    body = {**PARAMETERS, "count": 3} if method == "POST" else None
    response = app.test_client().open(path, method=method, json=body, buffered=True)
    span = only(spans)

    assert (status, name) == (response.status_code, span.name)
    assert trace.SpanKind.SERVER == span.kind
    assert status in attributes(span).values()
    assert span.parent is None


def test_a_span_holds_no_number_and_nothing_of_a_customer(
    app: Flask, spans: InMemorySpanExporter
) -> None:
    client = app.test_client()
    headers = {"Referer": "http://example.com/redbox-logistics", "Idempotency-Key": "redbox-1"}
    number = client.get(number_path(), headers=headers).get_json()["tracking_number"]
    client.get(f"/api/tracking-numbers/{number}", buffered=True)
    client.get(f"/api/tracking-numbers/{number}/barcode.svg", buffered=True)
    told = " ".join(span.to_json() for span in spans.get_finished_spans())

    assert 3 == len(spans.get_finished_spans())
    assert "/api/tracking-numbers/<number>/barcode.svg" in told
    for secret in (number, "edbox", "edBox", PARAMETERS["customer_id"], "origin_country_id"):
        assert secret not in told


@pytest.mark.parametrize("path", [number_path(), "/healthz"])
def test_a_span_goes_on_from_the_callers_and_the_log_has_its_trace(
    app: Flask, spans: InMemorySpanExporter, caplog: pytest.LogCaptureFixture, path: str
) -> None:
    with caplog.at_level(logging.INFO), noted_traces(caplog) as noted:
        for sent in (TRACEPARENT, {"traceparent": "nonsense"}):
            app.test_client().get(path, headers=sent, buffered=True)
    first, second = spans.get_finished_spans()

    assert first.parent is not None
    assert (int(TRACE, 16), int(PARENT, 16)) == (first.context.trace_id, first.parent.span_id)
    assert second.parent is None
    assert [TRACE, f"{second.context.trace_id:032x}"] == noted


@contextmanager
def noted_traces(caplog: pytest.LogCaptureFixture) -> Iterator[list[str | None]]:
    """The trace of each line of the access log."""
    noted: list[str | None] = []

    def note(record: logging.LogRecord) -> bool:
        if record.getMessage() == "answered":
            noted.append(trace_id.get())
        return True

    caplog.handler.addFilter(note)
    yield noted
    caplog.handler.removeFilter(note)


def test_there_is_none_by_default(
    migrated_sqlite_url: str, tmp_path: Path, spans: InMemorySpanExporter
) -> None:
    with opened_app(migrated_sqlite_url, tmp_path) as app:
        assert 200 == app.test_client().get(number_path(), headers=TRACEPARENT).status_code

    assert () == spans.get_finished_spans()


def run(code: str, **settings: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=environment(**settings),
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_nothing_of_it_is_imported_by_default() -> None:
    done = run("import sys, wsgi; print('opentelemetry' in sys.modules)")

    assert "False" == done.stdout.strip(), done.stderr


def test_where_it_is_not_installed_the_start_says_what_to_do() -> None:
    done = run("import sys; sys.modules['opentelemetry'] = None; import wsgi", TRACKING_TRACES="on")

    assert 0 != done.returncode
    assert "TRACKING_TRACES needs OpenTelemetry" in done.stderr
    assert "pip install '.[otel]'" in done.stderr
    assert "Traceback" not in done.stderr


class Collector(Lifetime):
    """Takes what OpenTelemetry sends over HTTP, and keeps it by its path."""

    def __init__(self) -> None:
        self.sent: dict[str, bytes] = {}
        sent = self.sent

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if self.headers.get("Content-Encoding") == "gzip":
                    body = gzip.decompress(body)
                sent[self.path] = sent.get(self.path, b"") + body
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer((HOST, 0), Handler)
        self.port = self._server.server_port
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join(10)
        self._server.server_close()


def test_opentelemetrys_own_command_sends_the_spans_of_a_server(migrated_sqlite_url: str) -> None:
    """With the settings that docs/observability.md exports."""
    text = (ROOT / "docs" / "observability.md").read_text()
    lines = re.findall(r"^export ((?:TRACKING_TRACES|OTEL_).*)$", text, re.MULTILINE)
    settings = dict(pair.split("=", 1) for line in lines for pair in shlex.split(line))
    assert "\nopentelemetry-instrument tracking-service serve\n" in text
    command = (str(Path(sys.executable).with_name("opentelemetry-instrument")), *SERVE)
    with Collector() as collector:
        settings["OTEL_EXPORTER_OTLP_ENDPOINT"] = f"http://{HOST}:{collector.port}"
        settings["OTEL_BSP_SCHEDULE_DELAY"] = "100"
        with Instance({"DATABASE_URL": migrated_sqlite_url, **settings}, command=command) as one:
            response = one.get(number_path(), headers=TRACEPARENT)
            trace = bytes.fromhex(TRACE)
            wait_until(
                lambda: trace in collector.sent.get("/v1/traces", b""), seconds=20, what="the span"
            )
            log = one.log()

    assert 200 == response.status
    assert ["/v1/traces"] == list(collector.sent)
    assert f"GET {NEXT}".encode() in collector.sent["/v1/traces"]
    assert b"tracking" in collector.sent["/v1/traces"]
    assert response.json()["tracking_number"].encode() not in collector.sent["/v1/traces"]
    assert "Traceback" not in log
