"""Logs: one line an event, with a constant message and the facts as fields.

Lines are text, or JSON (one object a line, https://github.com/ndjson/ndjson-spec). Times are RFC
3339 in UTC. A line of a request has its id, and its trace's id if there is one.

An exception's message may quote what a caller sent, or a driver's secrets. So the message is logged
only of this service's errors and of the operating system's; of all others, the class and the place.
"""

import json
import logging
import re
import sys
import traceback
from collections.abc import Mapping
from contextvars import ContextVar
from datetime import UTC, datetime
from random import getrandbits

from tracking_service.errors import TrackingServiceError
from tracking_service.telemetry.background_log import BackgroundHandler

REQUEST_ID_HEADER = "X-Request-ID"

request_id: ContextVar[str | None] = ContextVar("request_id", default=None)
"""The id of the present request, which every log line has; None outside of requests."""

trace_id: ContextVar[str | None] = ContextVar("trace_id", default=None)
"""The id of the present request's trace; None if it has none."""

# What every record has; anything else came with `extra`.
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}

_PLAIN = re.compile(r"[!#-<>-~]+")
"""Stands in text without quotes: printable ASCII without space, `"` and `=`."""


# An id goes into a header and into logs: no character may end a line or need quoting.
_is_sane = re.compile(r"[A-Za-z0-9._-]{1,128}").fullmatch


def choose_id(given: str | None) -> str:
    """Return the caller's id if it is valid, else a new one of 16 hexadecimal digits."""
    if given is not None and _is_sane(given) is not None:
        return given
    # Python seeds its generator again in the child of a fork.
    return "%016x" % getrandbits(64)  # noqa: UP031 - a third faster, on every request


class TextFormatter(logging.Formatter):
    """`time level logger: message key=value …`, and an exception's lines below."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        head = f"{_format_time(record)} {record.levelname} {record.name}: "
        # A second line of another library's message must not look like a record.
        line = head + record.getMessage().replace("\r", "\\r").replace("\n", "\\n")
        line += "".join(f" {key}={_quoted(value)}" for key, value in _fields(record).items())
        if error := _error_of(record):
            line += f"\n{format_error(error)}"
        return line


class JsonFormatter(logging.Formatter):
    """One JSON object; an exception is a field."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        line: dict[str, object] = {
            "time": _format_time(record),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        for key, value in _fields(record).items():
            line.setdefault(key, value)
        if error := _error_of(record):
            line["exception"] = format_error(error)
        return json.dumps(line, default=str)


FORMATTERS: Mapping[str, type[logging.Formatter]] = {"text": TextFormatter, "json": JsonFormatter}


def configure_logging(log_format: str = "text") -> None:
    """Send logs to standard error, unless logging is set up already."""
    root = logging.getLogger()
    if root.handlers:
        return
    # Where there is no standard error, its number may be that of another file.
    handler = logging.NullHandler() if sys.stderr is None else BackgroundHandler(2)
    handler.setFormatter(FORMATTERS[log_format]())
    root.addHandler(handler)
    root.setLevel(logging.INFO)


def format_error(error: BaseException) -> str:
    """An exception and its causes, the cause first, several lines."""
    parts: list[str] = []
    seen: set[int] = set()
    cause: BaseException | None = error
    while cause is not None and id(cause) not in seen:
        seen.add(id(cause))
        said = f": {cause}" if isinstance(cause, TrackingServiceError | OSError) else ""
        name = f"{type(cause).__module__}.{type(cause).__qualname__}".removeprefix("builtins.")
        parts.append("".join(traceback.format_tb(cause.__traceback__)) + name + said)
        cause = cause.__cause__ or (None if cause.__suppress_context__ else cause.__context__)
    return "\nwhich led to\n".join(reversed(parts))


def _fields(record: logging.LogRecord) -> dict[str, object]:
    fields = {key: value for key, value in vars(record).items() if key not in _STANDARD}
    if (current := request_id.get()) is not None:
        fields["request_id"] = current
    if (trace := trace_id.get()) is not None:
        fields["trace_id"] = trace
    return dict(sorted(fields.items()))


def _error_of(record: logging.LogRecord) -> BaseException | None:
    return record.exc_info[1] if record.exc_info else None


def _format_time(record: logging.LogRecord) -> str:
    moment = datetime.fromtimestamp(record.created, UTC).replace(tzinfo=None)
    return moment.isoformat(timespec="milliseconds") + "Z"


def _quoted(value: object) -> str:
    text = str(value)
    return text if _PLAIN.fullmatch(text) else json.dumps(text)
