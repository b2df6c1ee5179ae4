"""Database URLs as people write them, made into what SQLAlchemy takes.

`postgres://` and `postgresql://` mean psycopg 3. Several hosts, `postgresql://h1,h2:5433/db`, are
libpq's way of writing a primary and its standbys
(https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-MULTIPLE-HOSTS); SQLAlchemy wants
them in the query.

A message never repeats a part of the URL: what stands where may be just what was mistaken, and a
password be read as a host.
"""

import re
from pathlib import Path

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from tracking_service.errors import SettingsError

_SCHEME = re.compile(r"^postgres(?:ql)?://")
# The user information ends at the one `@` there is, and has none of the characters that end the
# hosts (https://www.rfc-editor.org/rfc/rfc3986#section-3.2.1): SQLAlchemy and libpq each guess
# differently where it has, and then look the rest of a password up as a host.
_POSTGRESQL = re.compile(
    r"(?P<head>[^:/?#@]*://(?:[^@/?#]*@)?)(?P<hosts>[^@/?#]*)(?P<tail>(?:[/?][^@]*)?)", re.DOTALL
)
# A name or an address, one of IPv6 in brackets; then perhaps a port.
_HOST = re.compile(r"(?:\[(?P<ipv6>[^\[\]]+)\]|(?P<name>[^:\[\]]*))(?::(?P<port>[0-9]{1,5}))?")
_DEFAULT_PORT = 5432


def database_url(text: str, *, folder: Path | None = None) -> URL:
    """Parse a database URL; a relative SQLite path lies under `folder`.

    Raises SettingsError, which never holds the URL itself.
    """
    text = _SCHEME.sub("postgresql+psycopg://", text)
    hosts: list[str] = []
    if text.startswith("postgresql"):
        text, hosts = _without_several(text)
    try:
        url = make_url(text)
        backend = url.get_backend_name()
    except (ArgumentError, ValueError):
        raise _not_a_url() from None
    if backend not in {"sqlite", "postgresql"}:
        raise SettingsError(f"DATABASE_URL must name sqlite or postgresql, not {backend}")
    driver = "psycopg" if backend == "postgresql" else "pysqlite"
    if url.get_driver_name() != driver:
        raise SettingsError(
            f"DATABASE_URL must leave the driver out: {driver} is the one supported"
        )
    if backend == "sqlite":
        _check_file(url)
        return url if folder is None else url.set(database=str(folder / (url.database or "")))
    url = _with_hosts(url, hosts)
    _check_options(url)
    return url


def _without_several(text: str) -> tuple[str, list[str]]:
    """Take the hosts out of the URL, where there are several; what they are is checked here."""
    match = _POSTGRESQL.fullmatch(text)
    if match is None:
        raise _misread() if "@" in text else _not_a_url()
    hosts = match["hosts"].split(",")
    for host in hosts:
        part = _HOST.fullmatch(host)
        if part is None or (len(hosts) > 1 and not (part["ipv6"] or part["name"])):
            raise _not_a_url()
        if part["port"] and not 0 < int(part["port"]) < 65_536:
            raise _not_a_url()
    if len(hosts) == 1:
        return text, []
    return match["head"] + match["tail"], hosts


def _with_hosts(url: URL, hosts: list[str]) -> URL:
    if not hosts:
        return url
    # Two lists, as libpq has them: SQLAlchemy's `host:port` knows no address of IPv6.
    parts = [match for host in hosts if (match := _HOST.fullmatch(host))]
    names = [part["ipv6"] or part["name"] for part in parts]
    ports = [part["port"] or str(_DEFAULT_PORT) for part in parts]
    return url.update_query_dict({"host": ",".join(names), "port": ",".join(ports)})


def _check_file(url: URL) -> None:
    """Refuse a database in memory: each connection would have one of its own.

    A `file:` URI may name one in many ways, and no file that can be watched for being replaced.
    """
    name = url.database or ":memory:"
    more = (url.username, url.password, url.host, url.port, url.query)
    if any(more) or name == ":memory:" or name.startswith("file:"):
        raise SettingsError(
            "DATABASE_URL must name a file, as sqlite:///path, and nothing else: an embedded"
            " database needs one, since several threads and processes share it"
        )


def _check_options(url: URL) -> None:
    """Refuse what no server would ever see: libpq itself does not take it."""
    # Not imported above: who has SQLite is not to wait for the driver.
    from psycopg.pq import Conninfo

    known = {option.keyword.decode() for option in Conninfo.get_defaults()}
    for place, name in enumerate(url.query, start=1):
        if name not in known:
            # By its place: after a password with an unescaped & the name is a part of that.
            raise SettingsError(
                f"DATABASE_URL has a connection option that PostgreSQL does not know, number"
                f" {place} of {len(url.query)} after the question mark: mend its name or take it"
                " out"
            )
    try:
        _, options = url.get_dialect()().create_connect_args(url)
    except (ArgumentError, ValueError):
        raise _not_a_url() from None
    if not all(isinstance(value, str | int) for value in options.values()):
        raise SettingsError("DATABASE_URL gives a connection option twice: take one out")


def _misread() -> SettingsError:
    return SettingsError(
        "DATABASE_URL cannot be read for certain: it may have one @, before the host; anywhere else"
        " write @ as %40, and in a user or password / as %2F, ? as %3F and # as %23"
    )


def _not_a_url() -> SettingsError:
    return SettingsError("DATABASE_URL is not a database URL")
