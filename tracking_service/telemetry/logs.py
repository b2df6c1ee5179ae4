"""Logs: one line an event, the message constant, the facts behind it as fields."""

import logging
from datetime import UTC, datetime

# What every record has; anything else came with `extra` and is a field of the event.
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class FieldFormatter(logging.Formatter):
    """`time level logger: message key=value …`, in UTC."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s")

    # Both names and their parameters are logging's.
    def formatTime(  # noqa: N802
        self,
        record: logging.LogRecord,
        datefmt: str | None = None,  # noqa: ARG002
    ) -> str:
        """RFC 3339 in UTC, to the millisecond."""
        moment = datetime.fromtimestamp(record.created, UTC)
        return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{round(record.msecs) % 1000:03d}Z"

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802
        """The line, with the event's fields behind the message."""
        line = super().formatMessage(record)
        fields = {key: value for key, value in vars(record).items() if key not in _STANDARD}
        return line + "".join(f" {key}={value}" for key, value in sorted(fields.items()))


def configure_logging() -> None:
    """Send logs to standard error, unless whoever runs this has set logging up already."""
    root = logging.getLogger()
    if root.handlers:
        return
    handler = logging.StreamHandler()
    handler.setFormatter(FieldFormatter())
    root.addHandler(handler)
    root.setLevel(logging.INFO)
