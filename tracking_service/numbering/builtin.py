"""The patterns that have a name, and the defaults of a series.

UPU S10: https://www.upu.int/en/postal-solutions/programmes-services/standards. Only a country's
designated operator may issue S10 numbers.
"""

import re
from collections.abc import Collection, Container, Mapping

from tracking_service.errors import InvalidSeriesError
from tracking_service.numbering.checks import CHECKS
from tracking_service.numbering.pattern import Pattern, parse

BUILT_IN = ("routed", "s10")

ROUTED = parse("{origin}{destination}{body:11}{check}", "crockford")
"""The pattern of the default series."""

FORMER_ROUTED = parse(ROUTED.text, "base36")
"""The pattern of the default series in a database that the first version made."""

SERIALS_MOST = 10**13
"""The default of a series' serials, if its pattern writes as many: `routed` has room for 3,602
such series."""

_RESERVED = "JKSTW"
_LETTERS = re.compile(r"[A-Z]{2}")
_S10_NUMBER = re.compile(r"[A-Z]{2}[0-9]{9}[A-Z]{2}")
_S10 = re.compile(r"[A-Z]{2}\{body:8\}\{check\}\{origin:[A-Z]{2}\}")


def built_in(name: str, options: Mapping[str, str], countries: Container[str]) -> Pattern:
    """The pattern of one of BUILT_IN, which these options complete; else InvalidSeriesError.

    `countries` are all that are officially assigned: numbering keeps no list of its own.
    """
    if name == "routed":
        if options:
            raise InvalidSeriesError(f"a routed series takes no {' or '.join(sorted(options))}")
        return ROUTED
    if set(options) != {"service", "country"}:
        raise InvalidSeriesError("an s10 series takes a service and a country, and nothing else")
    service, country = options["service"], options["country"]
    if _LETTERS.fullmatch(service) is None:
        raise InvalidSeriesError("the service indicator must be two capital letters, such as RA")
    _check_service(service)
    if _LETTERS.fullmatch(country) is None or country not in countries:
        raise InvalidSeriesError(
            "the country must be an officially assigned ISO 3166-1 alpha-2 code, such as MY"
        )
    return parse(_s10(service, country), "digits", "s10")


def check_makeable(pattern: Pattern, countries: Collection[str]) -> None:
    """Raise InvalidSeriesError for a pattern that `parse` accepts and no series may have."""
    for part in pattern.parts:
        if part.kind in ("origin", "destination") and part.fixed not in (None, *countries):
            raise InvalidSeriesError(
                f"{part.fixed} is no officially assigned ISO 3166-1 alpha-2 code, so no shipment"
                " has it"
            )
    if built_in_name(pattern) == "s10":
        _check_service(pattern.text[:2])


def _check_service(indicator: str) -> None:
    if indicator[0] in _RESERVED:
        raise InvalidSeriesError(
            f"the service indicator {indicator} is reserved: the UPU keeps those"
            " whose first letter is J, K, S, T or W"
        )


def built_in_name(pattern: Pattern) -> str | None:
    """Which of BUILT_IN a pattern is, if it is one."""
    if pattern in (ROUTED, FORMER_ROUTED):
        return "routed"
    return "s10" if _S10.fullmatch(pattern.text) and pattern.check is CHECKS["s10"] else None


def is_built_in(number: str) -> bool:
    """Whether a compact number, as it stands, could be one of any built-in pattern."""
    patterns = [ROUTED, FORMER_ROUTED]
    if _S10_NUMBER.fullmatch(number):
        patterns.append(parse(_s10(number[:2], number[-2:]), "digits", "s10"))
    return any(
        pattern.shape.fits(number) and pattern.checker.is_right(number) for pattern in patterns
    )


def _s10(service: str, country: str) -> str:
    return f"{service}{{body:8}}{{check}}{{origin:{country}}}"


def default_serials(pattern: Pattern) -> int:
    """How many serials a series has by default: all of its pattern, up to SERIALS_MOST."""
    return min(SERIALS_MOST, pattern.capacity)


def default_block_size(pattern: Pattern, serials: int) -> int:
    """How many serials a block has by default, in a series of `serials`.

    A ten-thousandth of a small series, for a failover leaves 100 blocks out.
    """
    most = 10_000 if pattern.capacity > 10**8 else 1_000
    return max(1, min(most, serials // 10_000))
