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
# A name or an address, one of IPv6 in brackets; then perhaps a port.
_HOST = re.compile(r"(?:\[(?P<ipv6>[^\[\]]+)\]|(?P<name>[^:\[\]]+))(?::(?P<port>[0-9]+))?")
_DEFAULT_PORT = 5432


def database_url(text: str) -> URL:
    """Parse a database URL. Raises SettingsError, which never holds the URL itself."""
    text = _SCHEME.sub("postgresql+psycopg://", text)
    hosts: list[str] = []
    if text.startswith("postgresql") and (match := _HOSTS.match(text)):
        hosts = match["hosts"].split(",")
        text = match["head"] + match["tail"]
    try:
        url = make_url(text)
        backend = url.get_backend_name()
    except (ArgumentError, ValueError):
        raise _not_a_url() from None
    if backend not in {"sqlite", "postgresql"}:
        raise SettingsError(f"DATABASE_URL must name sqlite or postgresql, not {backend}")
    if backend == "postgresql" and url.get_driver_name() != "psycopg":
        raise SettingsError("DATABASE_URL must leave the driver out: psycopg is the one supported")
    if url.port is not None:
        _checked_port(url.port)
    return _with_hosts(url, hosts) if hosts else url


def _with_hosts(url: URL, hosts: list[str]) -> URL:
    # Two lists, as libpq has them: SQLAlchemy's `host:port` knows no address of IPv6.
    names, ports = [], []
    for host in hosts:
        match = _HOST.fullmatch(host)
        if match is None:
            raise _not_a_url()
        names.append(match["ipv6"] or match["name"])
        ports.append(str(_checked_port(int(match["port"] or _DEFAULT_PORT))))
    return url.update_query_dict({"host": ",".join(names), "port": ",".join(ports)})


def _checked_port(port: int) -> int:
    if not 0 < port < 65_536:
        raise _not_a_url()
    return port


def _not_a_url() -> SettingsError:
    return SettingsError("DATABASE_URL is not a database URL")
