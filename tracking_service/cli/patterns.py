"""The options that say how the numbers of a series look, and the pattern that they mean."""

from collections.abc import Callable
from typing import ParamSpec, TypeVar

import click

from tracking_service.countries import COUNTRIES
from tracking_service.numbering import Pattern, parse
from tracking_service.numbering.alphabets import ALPHABETS
from tracking_service.numbering.builtin import BUILT_IN, built_in, check_makeable
from tracking_service.numbering.checks import CHECKS

P = ParamSpec("P")
R = TypeVar("R")


def pattern_options(command: Callable[P, R]) -> Callable[P, R]:
    """Add the options that say how numbers look."""
    for option in (
        click.option("--country", help="s10: the country of origin, such as MY."),
        click.option("--service", help="s10: the service indicator, such as RA."),
        click.option(
            "--format", type=click.Choice(BUILT_IN), help="A pattern that has a name, instead."
        ),
        click.option(
            "--check", type=click.Choice(sorted(CHECKS)), help="Check algorithm of {check}."
        ),
        click.option(
            "--alphabet",
            type=click.Choice(sorted(ALPHABETS)),
            help="Characters of the serial and of {check}.  [default: crockford]",
        ),
        click.option(
            "--pattern",
            help="What a number looks like, such as 'RB{body:9}{check}'. {body:N} is the serial"
            " encrypted; {serial:N} is the serial in the clear, and shows everybody how many"
            " numbers there are.",
        ),
    ):
        command = option(command)
    return command


def pattern_of(
    pattern: str | None,
    alphabet: str | None,
    check: str | None,
    format: str | None,
    **options: str | None,
) -> Pattern:
    """Return the pattern that the options of `pattern_options` mean. Raises UsageError."""
    if (pattern is None) == (format is None):
        raise click.UsageError("give one of --pattern and --format")
    given = {name: value for name, value in options.items() if value is not None}
    if pattern is None:
        if alphabet is not None or check is not None:
            raise click.UsageError("--alphabet and --check belong to --pattern")
        return built_in(format or "", given, COUNTRIES)
    if given:
        raise click.UsageError("--service and --country belong to --format s10")
    made = parse(pattern, alphabet or "crockford", check)
    check_makeable(made, COUNTRIES)
    return made
