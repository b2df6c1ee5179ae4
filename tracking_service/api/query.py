"""A query string as it came over the wire -> the parameters that are known, and their faults.

Reads application/x-www-form-urlencoded (https://url.spec.whatwg.org/#urlencoded-parsing) more
strictly than the usual parsers, which silently replace bytes that are not UTF-8 and keep one of
two values. Like them it takes a `%` that begins no escape as it stands.
"""

from collections.abc import Container
from urllib.parse import unquote_to_bytes

TWICE = "must not be given more than once"
"""The fault of a parameter of which nobody could say which value is meant."""


def parse(query_string: str, known: Container[str]) -> tuple[dict[str, str], dict[str, list[str]]]:
    """Return the values of the known parameters, and for each that has none to trust its fault.

    The query has a character for each byte, as in Latin-1: most values are plain ASCII and stand
    as they are.

    Names are case-sensitive; those not in `known`, which have no space in them, are ignored,
    however many there are: the server bounds the query's length, and so the work. A parameter is
    in one of the two results, or in neither where it was not sent.
    """
    values: dict[str, str] = {}
    faults: dict[str, list[str]] = {}
    for field in query_string.split("&"):
        name, _, value = field.partition("=")
        if name not in known:
            # Only an escape can hide a known name: a `+` would be a space.
            if "%" not in name:
                continue
            name = _unescape(name).decode(errors="replace")
            if name not in known:
                continue
        if name in values or name in faults:
            values.pop(name, None)
            faults[name] = [TWICE]
            continue
        if "%" in value or "+" in value or not value.isascii():
            try:
                value = _unescape(value).decode()
            except UnicodeDecodeError:
                faults[name] = ["must be UTF-8, percent-encoded"]
                continue
        values[name] = value
    return values, faults


def restore_plus(timestamp: str) -> str:
    """Return a timestamp with the space before its offset read as `+`.

    A `+` stands for a space in a query string, so that an offset typed as it is, `+08:00`,
    arrives as ` 08:00`.
    """
    if timestamp[-6:-5] == " ":
        return f"{timestamp[:-6]}+{timestamp[-5:]}"
    return timestamp


def _unescape(latin_1: str) -> bytes:
    return unquote_to_bytes(latin_1.replace("+", " ").encode("latin-1"))
