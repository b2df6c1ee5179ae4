"""`flask keys`: make API keys, list them, revoke them."""

from typing import Any

import click

from tracking_service.auth import Scope
from tracking_service.cli.context import with_database
from tracking_service.cli.options import HELP_NAMES, SERIES
from tracking_service.cli.output import (
    confirm,
    format_time,
    json_option,
    print_facts,
    print_json,
    print_table,
    print_text,
    yes_option,
)
from tracking_service.container import Services
from tracking_service.records import ApiKeyRecord

_COLUMNS = ("id", "name", "scopes", "series", "created_at", "revoked_at")


@click.group(context_settings=HELP_NAMES)
def keys() -> None:
    """Make API keys, list them, revoke them."""


@keys.command()
@click.argument("name")
@click.option(
    "--scope",
    "scopes",
    type=click.Choice([scope.value for scope in Scope]),
    multiple=True,
    required=True,
    help="What the key allows; may be given several times.",
)
@click.option(
    "--series",
    type=SERIES,
    multiple=True,
    help="Only for this series; may be given several times.",
)
@json_option
@with_database
def create(
    services: Services,
    name: str,
    scopes: tuple[str, ...],
    series: tuple[str, ...],
    as_json: bool,
) -> None:
    """Make a key and show its token. The token cannot be shown again.

    NAME is 1 to 64 of a-z, 0-9 and hyphens, a letter first. The key works at once, on every
    instance.
    """
    record, token = services.api_keys.create(name, scopes, series or None)
    facts = {**_row(record), "token": token}
    try:
        print_facts(facts, as_json=as_json)
    except BaseException as error:
        # Its token was not shown and cannot be shown again.
        services.api_keys.revoke(str(record.id))
        if isinstance(error, click.ClickException):
            raise click.ClickException(
                f"{error.message}; its token was not shown, so the key {name} is revoked"
            ) from error
        raise


@keys.command("list")
@json_option
@with_database
def list_keys(services: Services, as_json: bool) -> None:
    """List every key, including revoked ones. Tokens are not stored and cannot be shown."""
    rows = [_row(record) for record in services.api_keys.all()]
    print_table(rows, _COLUMNS, as_json=as_json)


@keys.command()
@click.argument("name_or_id", metavar="NAME|ID")
@yes_option
@json_option
@with_database
def revoke(services: Services, name_or_id: str, yes: bool, as_json: bool) -> None:
    """Revoke the key NAME|ID, for ever. Every instance refuses it within 30 seconds.

    The command says which key that is, and asks. Its name is then free: to replace a token, revoke
    the key and make one of the same name.
    """
    live = services.api_keys.find_live(name_or_id)
    if live is not None:
        confirm(_describe_revocation(live), yes=yes)
        # By id: a key that was made under the same name meanwhile is another one.
        name_or_id = str(live.id)
    # The store refuses what is not there, or revoked already.
    record = services.api_keys.revoke(name_or_id)
    if as_json:
        print_json(_row(record))
    else:
        print_text(f"{record.name}: revoked")


def _describe_revocation(record: ApiKeyRecord) -> str:
    scopes = ", ".join(record.scopes)
    return (
        f"This revokes the key {record.name} (id {record.id}, {scopes}), for ever: every instance"
        " refuses its token within 30 seconds."
    )


def _row(record: ApiKeyRecord) -> dict[str, Any]:
    return {
        "id": record.id,
        "name": record.name,
        "scopes": list(record.scopes),
        "series": None if record.series is None else list(record.series),
        "created_at": format_time(record.created_at),
        "revoked_at": format_time(record.revoked_at),
    }
