"""Database URLs as people write them, made into what SQLAlchemy takes.

`postgres://` and `postgresql://` mean psycopg 3. Several hosts, `postgresql://h1,h2:5433/db`, are
libpq's way of writing a primary and its standbys
(https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-MULTIPLE-HOSTS); SQLAlchemy wants
them in the query.
"""

import re

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from tracking_service.errors import SettingsError

_SCHEME = re.compile(r"^postgres(?:ql)?://")
_HOSTS = re.compile(r"^(?P<head>[^/?#]*//(?:[^@/?#]*@)?)(?P<hosts>[^/?#]*,[^/?#]*)(?P<tail>.*)$")
_DEFAULT_PORT = "5432"


def database_url(text: str) -> URL:
    """Parse a database URL. Raises SettingsError, which never holds the URL itself."""
    text = _SCHEME.sub("postgresql+psycopg://", text)
    hosts: list[str] = []
    if match := _HOSTS.match(text):
        hosts = match["hosts"].split(",")
        text = match["head"] + match["tail"]
    try:
        url = make_url(text)
        backend = url.get_backend_name()
    except (ArgumentError, ValueError):
        raise SettingsError("DATABASE_URL is not a database URL") from None
    if backend not in {"sqlite", "postgresql"}:
        raise SettingsError(f"DATABASE_URL must name sqlite or postgresql, not {backend}")
    if backend == "postgresql" and url.get_driver_name() != "psycopg":
        raise SettingsError("DATABASE_URL must leave the driver out: psycopg is the one supported")
    if hosts:
        url = url.update_query_pairs(("host", _with_port(host)) for host in hosts)
    return url


def _with_port(host: str) -> str:
    # An IPv6 address in brackets has colons of its own.
    return host if re.search(r":\d+$", host) else f"{host}:{_DEFAULT_PORT}"
