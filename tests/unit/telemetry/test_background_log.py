"""The log handler that waits for nobody: what it writes, drops and says of it."""

from __future__ import annotations

import logging
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from tests.support.commands import ROOT, environment
from tracking_service.telemetry.background_log import (
    FLUSH_SECONDS,
    LINES_MOST,
    BackgroundHandler,
)

Pipe = tuple[BackgroundHandler, int]


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    """A handler that writes into a pipe, and the end that it is read at."""
    reader, writer = os.pipe()
    yield BackgroundHandler(writer), reader
    # The handler's thread, should it still be writing, meets a broken pipe.
    os.close(reader)
    os.close(writer)


def log(handler: logging.Handler, *messages: str) -> None:
    for message in messages:
        handler.handle(logging.makeLogRecord({"msg": message}))


def test_lines_come_in_their_order_and_are_there_after_a_flush(pipe: Pipe) -> None:
    handler, reader = pipe
    log(handler, "one", "two", "ü\ud800")
    handler.flush()
    os.set_blocking(reader, False)

    assert "one\ntwo\nü\\ud800\n" == os.read(reader, 100).decode()


def test_nobody_waits_for_a_reader_that_has_stopped_and_dropped_lines_are_counted(
    pipe: Pipe,
) -> None:
    handler, reader = pipe
    handler.setFormatter(logging.Formatter("%(message)s %(lines)s", defaults={"lines": "-"}))
    # The pipe and the thread take some, the queue LINES_MOST.
    count = LINES_MOST + 5_000
    log(handler, *["x" * 99] * count)
    began = time.monotonic()
    handler.flush()
    waited = time.monotonic() - began
    text = b""
    while not text.endswith(b"\n") or text.count(b"x -\n") + dropped(text) < count:
        text += os.read(reader, 65_536)

    assert FLUSH_SECONDS * 0.9 < waited < FLUSH_SECONDS + 5.0
    assert count == text.count(b"x -\n") + dropped(text)
    assert LINES_MOST <= text.count(b"x -\n") < count


def dropped(text: bytes) -> int:
    """How many lines were dropped, by the lines that say so."""
    return sum(map(int, re.findall(rb"^log lines were dropped (\d+)\n", text, re.MULTILINE)))


def test_a_descriptor_that_is_closed_is_no_error_of_who_logs() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    handler = BackgroundHandler(writer)
    log(handler, "one")
    handler.flush()
    os.close(writer)


FORKING = """
import logging, os
from tracking_service.telemetry.logs import configure_logging
configure_logging("text")
log = logging.getLogger("x")
log.info("before")
if os.fork() == 0:
    log.info("child")
    raise SystemExit
os.wait()
log.info("parent")
"""


@pytest.mark.parametrize("run", range(3))
def test_the_child_of_a_fork_writes_its_own_lines_and_no_other(run: int) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", FORKING],
        cwd=ROOT,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert 0 == done.returncode
    messages = [line.rpartition(": ")[2] for line in done.stderr.splitlines()]
    assert ["before", "child", "parent"] == sorted(messages)


def test_a_line_at_the_very_end_of_the_process_is_written() -> None:
    program = (
        "import atexit, logging; from tracking_service.telemetry.logs import configure_logging;"
        " configure_logging('text'); atexit.register(logging.getLogger('x').info, 'the end')"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert done.stderr.endswith(" INFO x: the end\n")


def test_without_standard_error_nothing_is_written_to_the_file_that_has_its_number() -> None:
    program = (
        "import logging, os; from tracking_service.telemetry.logs import configure_logging;"
        " opened = os.open('/dev/null', os.O_RDWR); configure_logging('text');"
        " logging.getLogger('x').info('lost');"
        " print(opened, [type(each).__name__ for each in logging.getLogger().handlers])"
    )
    done = subprocess.run(
        ["sh", "-c", 'exec "$0" -c "$1" 2>&-', sys.executable, program],
        cwd=ROOT,
        env=environment(),
        stdout=subprocess.PIPE,
        text=True,
        timeout=60,
    )

    assert "2 ['NullHandler']\n" == done.stdout
