"""The service's settings, read from the environment in one place.

Every field of `Settings` is one environment variable. Its metadata has the variable's name, help
text and range, which parsing, `flask serve --help` and the test of README's table use. A variable that
begins with `TRACKING_` and is not defined here stops the start, so that a misspelt one is noticed.
"""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import Field, dataclass, field, fields
from typing import Any

from tracking_service.errors import SettingsError

PREFIX = "TRACKING_"

# `int` and `float` accept more than is meant: 1_0, digits of other scripts, spaces, 1e3, inf, nan.
_NUMERALS: Mapping[type[Any], re.Pattern[str]] = {
    int: re.compile(r"-?[0-9]+"),
    float: re.compile(r"-?[0-9]+(?:\.[0-9]+)?"),
}

_SWITCH = {"on": True, "1": True, "off": False, "0": False}


def _setting(env: str, default: Any, help: str, **bounds: Any) -> Any:
    return field(
        default=default, repr=env != "DATABASE_URL", metadata={"env": env, "help": help, **bounds}
    )


@dataclass(frozen=True)
class Settings:
    """All settings; a field that is not given has its default."""

    database_url: str = _setting(
        "DATABASE_URL",
        "sqlite:///tracking.sqlite3",
        "SQLAlchemy URL of the database; a relative SQLite path lies in the instance folder",
    )
    host: str = _setting("HOST", "127.0.0.1", "address that `serve` listens on")
    port: int = _setting("PORT", 8000, "TCP port; 0 takes any free one", least=0, most=65535)
    threads: int = _setting(
        "TRACKING_THREADS",
        8,
        "worker threads; a quarter of them, 1 to 8, may be in the database at once",
        least=1,
        most=256,
    )
    drain_seconds: float = _setting(
        "TRACKING_DRAIN_SECONDS",
        10.0,
        "seconds that a shutdown gives requests in flight, and then the database",
        least=0.0,
        most=600.0,
    )
    reserve_seconds: float = _setting(
        "TRACKING_RESERVE_SECONDS",
        900.0,
        "seconds that an instance can go on without the database at its present rate",
        least=0.0,
        most=86400.0,
    )
    wait_seconds: float = _setting(
        "TRACKING_WAIT_SECONDS",
        2.0,
        "seconds that a request waits for a lease when nothing is left, then 503",
        least=0.0,
        most=60.0,
    )
    waiting_requests: int = _setting(
        "TRACKING_WAITING_REQUESTS",
        2,
        "requests of an instance that may wait at once while leases fail",
        least=0,
        most=256,
    )
    database_timeout_seconds: float = _setting(
        "TRACKING_DATABASE_TIMEOUT_SECONDS",
        5.0,
        "seconds until a connection attempt, a lock or a statement is given up",
        least=1.0,
        most=300.0,
    )
    batch_keep_seconds: float = _setting(
        "TRACKING_BATCH_KEEP_SECONDS",
        86400.0,
        "seconds that an idempotency key and the serials that it got are remembered",
        least=60.0,
        most=31_536_000.0,
    )
    state_dir: str = _setting(
        "TRACKING_STATE_DIR",
        "",
        "folder of the high-water marks; by default beside the SQLite file, else the instance folder",
    )
    instance_path: str = _setting(
        "TRACKING_INSTANCE_PATH",
        "",
        "folder of a relative SQLite path; by default instance/ in a checkout",
    )

    instance_name: str = _setting(
        "TRACKING_INSTANCE_NAME",
        "",
        "what an instance is called in blocks, logs and status, before its process id and a random"
        " part; by default the host's name",
        form=r"[A-Za-z0-9._-]{1,100}",
        form_help="1 to 100 of A-Z, a-z, 0-9, dot, hyphen and underscore",
    )

    log_format: str = _setting(
        "TRACKING_LOG_FORMAT",
        "text",
        "how log lines are written: `text` for people, `json` for machines",
        choices=("text", "json"),
    )
    access_log: bool = _setting(
        "TRACKING_ACCESS_LOG", False, "whether each request has a log line: `on` or `off`"
    )

    traces: bool = _setting(
        "TRACKING_TRACES",
        False,
        "whether each request has a span of OpenTelemetry: `on` or `off`; needs the extra `otel`",
    )

    auth: str = _setting(
        "TRACKING_AUTH",
        "off",
        "`required`: only callers with a key (`keys create`) are answered; `off`: everybody is",
        choices=("off", "required"),
    )
    trusted_hops: int = _setting(
        "TRACKING_TRUSTED_HOPS",
        0,
        "proxies in front whose X-Forwarded-For, -Proto and -Prefix are believed",
        least=0,
        most=10,
    )

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> Settings:
        """Read `environment` (default: the process's own).

        An empty variable counts as not set. Raises SettingsError, which names the variable, if one
        is unknown, unparsable or out of range.
        """
        if environment is None:
            environment = os.environ
        known = {setting.metadata["env"]: setting for setting in fields(cls)}
        for name in sorted(environment):
            if name.startswith(PREFIX) and name not in known:
                raise SettingsError(f"{name} is not a setting of this service{_hint(name)}")
        return cls(
            **{
                setting.name: parse(setting, environment[name])
                for name, setting in known.items()
                if environment.get(name)
            }
        )


# https://kubernetes.io/docs/tutorials/services/connect-applications-service/#environment-variables
_SERVICE_LINK = re.compile(
    r"_(SERVICE_HOST|SERVICE_PORT(_[A-Z0-9_]+)?|PORT(_[0-9]+_(TCP|UDP|SCTP)(_[A-Z]+)?)?)$"
)


def _hint(name: str) -> str:
    """What to do about a variable that Kubernetes sets for each Service; empty for others."""
    if _SERVICE_LINK.search(name) is None:
        return ""
    return (
        "; Kubernetes sets it for a Service whose name begins with `tracking`, unless the pod's"
        " spec says `enableServiceLinks: false`"
    )


def parse(setting: Field[Any], text: str) -> Any:
    """Turn one variable's text into its field's type: in its range or form, or of its choices.

    Raises SettingsError.
    """
    env = setting.metadata["env"]
    kind: type[Any] = type(setting.default)
    choices = setting.metadata.get("choices") or (_SWITCH if kind is bool else ())
    if choices and text not in choices:
        raise SettingsError(f"{env} must be one of {', '.join(choices)}, not {text!r}")
    if kind is bool:
        return _SWITCH[text]
    if kind is str:
        if invisible := _invisible(text):
            # A secret itself is not shown.
            shown = f", in {text!r}" if setting.repr else ""
            raise SettingsError(f"{env} has {invisible}{shown}, which cannot be meant: take it out")
        form = setting.metadata.get("form")
        if form is not None and re.fullmatch(form, text) is None:
            raise SettingsError(f"{env} must be {setting.metadata['form_help']}, not {text!r}")
        return text
    if _NUMERALS[kind].fullmatch(text) is None:
        noun = "a whole number" if kind is int else "a number"
        example: Any = setting.default
        raise SettingsError(f"{env} must be {noun}, such as {format_bound(example)}, not {text!r}")
    # Exact for the whole numbers of every range; and `int` does not take text of any length.
    value = float(text)
    if not setting.metadata["least"] <= value <= setting.metadata["most"]:
        raise SettingsError(f"{env} must be from {format_range(setting)}, not {text}")
    return kind(value)


def _invisible(text: str) -> str | None:
    r"""Describe a character of a setting that cannot be meant, or None: white space around it, a
    control character anywhere, a byte that is not UTF-8.

    >>> _invisible("x.db\n"), _invisible(" x"), _invisible("a b"), _invisible("")
    ("'\\n' at its end", "' ' at its beginning", None, None)
    """
    for place, char in (("beginning", text[:1]), ("end", text[-1:])):
        # A byte order mark and other format characters, too, are not printable.
        if char.isspace() or not char.isprintable():
            return f"{char!r} at its {place}"
    # A space of any kind may be part of a path.
    found = next(
        (c for c in text if not (c.isprintable() or unicodedata.category(c) == "Zs")), None
    )
    return None if found is None else f"{found!r} within"


def format_range(setting: Field[Any]) -> str:
    """The range of a setting that is a number, both ends within it, such as `0 to 65535`."""
    return f"{format_bound(setting.metadata['least'])} to {format_bound(setting.metadata['most'])}"


def format_bound(number: float) -> str:
    """A bound or a default as people write it.

    >>> format_bound(900.0), format_bound(31_536_000.0), format_bound(0.25)
    ('900', '31536000', '0.25')
    """
    return f"{number:.15g}"
