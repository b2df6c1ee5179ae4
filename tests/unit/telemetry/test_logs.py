"""How a log line is written, and what of an exception is."""

import json
import logging
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tracking_service.errors import SchemaError
from tracking_service.telemetry.background_log import BackgroundHandler
from tracking_service.telemetry.logs import FORMATTERS, configure_logging, request_id

SECRET = "hunter2"


@pytest.fixture
def write() -> Callable[..., str]:
    """Write one event in a format."""

    def write(log_format: str, message: str = "leased", exc_info: Any = None, **fields: Any) -> str:
        record = logging.makeLogRecord(
            {
                "name": "tracking_service.x",
                "levelname": "INFO",
                "msg": message,
                "created": 1_700_000_000.9996,
                "exc_info": exc_info,
                **fields,
            }
        )
        return FORMATTERS[log_format]().format(record)

    return write


@pytest.fixture
def current_id() -> Iterator[str]:
    token = request_id.set("abc-123")
    yield "abc-123"
    request_id.reset(token)


def failure(error: Exception, cause: Exception | None = None) -> Any:
    """The exc_info of an error that was raised."""
    try:
        raise error from cause
    except type(error):
        return sys.exc_info()


def test_text_is_one_line_with_time_message_and_fields(write: Callable[..., str]) -> None:
    expected = "2023-11-14T22:13:20.999Z INFO tracking_service.x: leased blocks=3 series=default"

    assert expected == write("text", series="default", blocks=3)


def test_json_is_one_object_with_the_same(write: Callable[..., str]) -> None:
    expected = {
        "time": "2023-11-14T22:13:20.999Z",
        "level": "INFO",
        "logger": "tracking_service.x",
        "message": "leased",
        "blocks": 3,
        "series": "default",
    }

    assert expected == json.loads(write("json", series="default", blocks=3))


def test_a_field_does_not_hide_what_every_line_has(write: Callable[..., str]) -> None:
    assert "INFO" == json.loads(write("json", level="mine"))["level"]


@pytest.mark.parametrize("log_format", FORMATTERS)
def test_what_belongs_to_a_request_has_its_id(
    write: Callable[..., str], log_format: str, current_id: str
) -> None:
    assert current_id in write(log_format)


@pytest.mark.parametrize("log_format", FORMATTERS)
def test_what_belongs_to_none_has_no_id(write: Callable[..., str], log_format: str) -> None:
    assert "request_id" not in write(log_format)


@pytest.mark.parametrize("log_format", FORMATTERS)
@pytest.mark.parametrize(
    "text", ["a\nb", "a\r\n2023-11-14T22:13:20.999Z ERROR x: forged", "\x1b[2J"]
)
def test_no_text_can_begin_a_line_of_its_own(
    write: Callable[..., str], log_format: str, text: str
) -> None:
    for line in (write(log_format, message=text.replace("\x1b", "")), write(log_format, x=text)):
        assert not re.search(r"[\x00-\x1f]", line)


@pytest.mark.parametrize("value", ["", "two words", 'say "x"', "a=b"])
def test_text_quotes_what_would_be_misread(write: Callable[..., str], value: str) -> None:
    assert write("text", x=value).endswith(f" x={json.dumps(value)}")


def test_an_exception_is_a_field_of_its_line_in_json(write: Callable[..., str]) -> None:
    line = write("json", exc_info=failure(KeyError("x")))
    told = json.loads(line)["exception"]

    assert "\n" not in line
    assert told.endswith("\nKeyError")
    assert "in failure" in told


@pytest.mark.parametrize("log_format", FORMATTERS)
def test_what_others_say_in_an_exception_is_left_out(
    write: Callable[..., str], log_format: str
) -> None:
    line = write(log_format, exc_info=failure(ValueError(SECRET), RuntimeError(SECRET)))

    assert SECRET not in line
    assert "RuntimeError" in line
    assert line.index("RuntimeError") < line.index("ValueError")


@pytest.mark.parametrize("log_format", FORMATTERS)
@pytest.mark.parametrize("error", [SchemaError("no such column"), OSError(28, "no space left")])
def test_what_our_own_and_the_system_say_is_told(
    write: Callable[..., str], log_format: str, error: Exception
) -> None:
    assert str(error) in write(log_format, exc_info=failure(error))


def test_an_error_that_caused_itself_is_told_once(write: Callable[..., str]) -> None:
    first, second = ValueError(), KeyError()
    first.__cause__, second.__cause__ = second, first

    assert 1 == write("text", exc_info=(type(first), first, None)).count("ValueError")


@contextmanager
def bare_logging() -> Iterator[logging.Logger]:
    """Logging as a process begins with. Not a fixture: pytest has its own handlers at the root."""
    root = logging.RootLogger(logging.WARNING)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(logging, "getLogger", lambda: root)
        yield root


@pytest.mark.parametrize("log_format", FORMATTERS)
def test_logs_go_to_standard_error_once(log_format: str) -> None:
    with bare_logging() as root:
        configure_logging(log_format)
        configure_logging(log_format)
    (handler,) = root.handlers

    assert isinstance(handler, BackgroundHandler)
    assert FORMATTERS[log_format] is type(handler.formatter)
    assert logging.INFO == root.level


def test_logging_that_is_set_up_already_is_let_be() -> None:
    with bare_logging() as root:
        root.addHandler(logging.NullHandler())
        configure_logging("json")

    assert [logging.NullHandler] == [type(each) for each in root.handlers]
    assert logging.WARNING == root.level
