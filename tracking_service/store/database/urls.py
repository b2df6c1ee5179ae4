"""Parses database URLs into SQLAlchemy's.

libpq parses those of PostgreSQL, also with several hosts: `postgresql://h1,h2:5433/db` is a primary
and its standbys (https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNSTRING-URIS).
What libpq would silently ignore is refused here.

A message never repeats a part of the URL, because a mistake may turn the password into a host.
"""

import re
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import unquote

from sqlalchemy import URL

from tracking_service.errors import SettingsError

_URL = re.compile(
    r"(?P<backend>sqlite|postgres|postgresql)(?P<driver>\+\w+)?://(?P<rest>.*)", re.DOTALL
)
_DRIVERS = {"sqlite": {None, "+pysqlite"}, "postgresql": {None, "+psycopg"}}

# The user information ends at the only `@`, and has no character that ends the hosts
# (https://www.rfc-editor.org/rfc/rfc3986#section-3.2.1). Otherwise libpq guesses, and may look up a
# part of the password as a host.
_PARTS = re.compile(r"(?:[^@/?#\s]*@)?[^@/?#\s]*(?:/[^@?#\s]*)?(?P<options>\?[^@#\s]*)?")
_OPTION = re.compile(r"([^=]+)=.+")

# How libpq's errors begin, and what to do: the rest of each repeats a part of the URL.
_ADVICE = {
    "invalid URI query parameter": "has a connection option that PostgreSQL does not know: mend its"
    " name or take it out",
    "invalid percent-encoded": "has a % that stands for itself: write it as %25",
}
_DEFAULT_PORT = "5432"


def database_url(text: str, *, folder: Path | None = None) -> URL:
    """Parse a database URL; a relative SQLite path lies under `folder`.

    Raises SettingsError, which never holds the URL itself.
    """
    match = _URL.fullmatch(text)
    if match is None:
        raise _refused("must begin with sqlite:/// or postgresql://")
    backend = "sqlite" if match["backend"] == "sqlite" else "postgresql"
    if match["driver"] not in _DRIVERS[backend]:
        raise _refused("must leave the driver out")
    url = _sqlite(match["rest"], folder) if backend == "sqlite" else _postgresql(match["rest"])
    _refuse_control_characters([*url.translate_connect_args().values(), *url.query.values()])
    return url


def shown(url: URL) -> str:
    """Where the database is, without password and options.

    >>> shown(database_url("postgresql://clerk:secret@db1,db2:5433/numbers?sslmode=require"))
    'postgresql://clerk@db1,db2/numbers'
    """
    if url.get_backend_name() == "sqlite":
        return f"sqlite:///{url.database}"
    user = f"{url.username}@" if url.username else ""
    return f"postgresql://{user}{url.query.get('host', '')}/{url.database or ''}"


def _sqlite(rest: str, folder: Path | None) -> URL:
    """Refuse a database in memory, because each connection would have its own.

    A `file:` URI may name such a database in many ways.
    """
    path = unquote(rest.removeprefix("/"))
    if not rest.startswith("/") or path in {"", ":memory:"} or "?" in rest or path[:5] == "file:":
        raise _refused(
            "must name a file, as sqlite:///path, and nothing else: an embedded database needs one,"
            " since several threads and processes share it"
        )
    return URL.create("sqlite", database=str(folder / path) if folder else path)


def _postgresql(rest: str) -> URL:
    # Not imported above, because SQLite does not need the driver.
    from psycopg import ProgrammingError
    from psycopg.conninfo import conninfo_to_dict

    match = _PARTS.fullmatch(rest)
    if match is None:
        raise _refused(
            "cannot be read for certain: it may have one @, before the host; anywhere else write @"
            " as %40, a space as %20, and in a user or password / as %2F, ? as %3F and # as %23"
        )
    _check_options(match["options"])
    try:
        facts = conninfo_to_dict(f"postgresql://{rest}")
    except ProgrammingError as error:
        for beginning, advice in _ADVICE.items():
            if str(error).startswith(beginning):
                raise _refused(advice) from None
        raise _refused("is not a database URL") from None
    hosts = str(facts.pop("host", "")).split(",")
    ports = [port or _DEFAULT_PORT for port in str(facts.pop("port", "")).split(",")]
    if len(hosts) > 1 and not all(hosts):
        raise _refused("names no host between two commas")
    if len(ports) not in {1, len(hosts)} or not all(map(_is_port, ports)):
        raise _refused("needs a port from 1 to 65535 for each host, or none")
    places = {"host": ",".join(hosts), "port": ",".join(ports)} if any(hosts) else {}
    user, password, name = (facts.pop(key, None) for key in ("user", "password", "dbname"))
    return URL.create(
        "postgresql+psycopg",
        username=None if user is None else str(user),
        password=None if password is None else str(password),
        database=None if name is None else str(name),
        query={**places, **{key: str(value) for key, value in facts.items()}},
    )


def _check_options(options: str | None) -> None:
    """Refuse what libpq ignores: an option without a value, and all but the last of a name."""
    if options is None:
        return
    matches = [_OPTION.fullmatch(option) for option in options[1:].split("&")]
    if not all(matches):
        raise _refused("has a connection option without a value: give it one or take it out")
    if len({match[1] for match in matches if match}) < len(matches):
        raise _refused("gives a connection option twice: take one out")


def _is_port(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 6 and 0 < int(text) < 65_536


def _refuse_control_characters(parts: Iterable[object]) -> None:
    """Check the decoded parts: %0A is a line break, and %00 ends a text for SQLite."""
    if not all(str(part).isprintable() for part in parts):
        raise _refused("has a character that cannot be seen, written with %: take it out")


def _refused(why: str) -> SettingsError:
    return SettingsError(f"DATABASE_URL {why}")
