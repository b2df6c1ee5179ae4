"""What cannot be taken back is said before it is done, and done after a yes."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.answers import fails
from tests.support.commands import flask
from tests.support.stores import Stores
from tests.support.terminal import on_a_terminal

SKIP = ("series", "skip", "default", "--by", "2500000000000")
SAID = (
    "This leaves out, for ever, serials 0 to 2499999999999 of default (2,500,000,000,000, 25.0% of"
    " what is left) and all tails that were handed back."
)


def counter(url: str) -> int:
    with Stores(url) as stores:
        return stores.counter("default")


@pytest.mark.parametrize("typed, end", [("y\n", 2_500_000_000_000), ("n\n", 0), ("\n", 0)])
def test_a_skip_says_on_a_terminal_what_it_leaves_out_and_asks(
    migrated_sqlite_url: str, typed: str, end: int
) -> None:
    shown = on_a_terminal(migrated_sqlite_url, *SKIP, typed=typed)

    assert f"{SAID} Go on? [y/N]:" in shown.screen
    assert (0 if end else 1) == shown.code
    assert end == counter(migrated_sqlite_url)


def test_a_skip_without_a_terminal_needs_yes(migrated_sqlite_url: str) -> None:
    env = {"DATABASE_URL": migrated_sqlite_url}
    refused = fails(*SKIP, env=env)

    assert f"Error: {SAID} Nothing is done without --yes.\n" == refused.stderr
    assert 0 == counter(migrated_sqlite_url)
    assert 0 == flask(*SKIP, "--yes", env=env).returncode
    assert 2_500_000_000_000 == counter(migrated_sqlite_url)


@pytest.mark.parametrize("typed, code", [("y\n", 0), ("\n", 1)])
def test_reopening_says_when_it_is_safe_and_asks(
    migrated_sqlite_url: str, tmp_path: Path, typed: str, code: int
) -> None:
    env = {"DATABASE_URL": migrated_sqlite_url}
    flask("series", "export", "--output", str(tmp_path / "export"), env=env)
    refused = fails("series", "reopen", env=env)
    shown = on_a_terminal(migrated_sqlite_url, "series", "reopen", typed=typed)

    assert "Nothing is done without --yes" in refused.stderr
    assert "safe only if the export was never imported; otherwise numbers will repeat" in (
        shown.screen
    )
    assert code == shown.code
    assert code == flask("blocks", "lease", env=env).returncode


@pytest.mark.parametrize("typed, code", [("y\n", 0), ("n\n", 1), ("\n", 1)])
def test_revoking_a_key_says_on_a_terminal_which_and_asks(
    migrated_sqlite_url: str, typed: str, code: int
) -> None:
    env = {"DATABASE_URL": migrated_sqlite_url}
    flask("keys", "create", "shop", "--scope", "issue", "--scope", "verify", env=env)
    shown = on_a_terminal(migrated_sqlite_url, "keys", "revoke", "shop", typed=typed)
    again = flask("keys", "revoke", "shop", "--yes", env=env)

    assert (
        "This revokes the key shop (id 1, issue, verify), for ever: every instance refuses its token"
        " within 30 seconds. Go on? [y/N]:"
    ) in shown.screen
    assert code == shown.code
    assert 1 - code == again.returncode


def test_going_back_to_an_older_schema_asks(migrated_sqlite_url: str) -> None:
    env = {"DATABASE_URL": migrated_sqlite_url}
    refused = fails("db", "downgrade", env=env)

    assert "deletes what only newer versions record" in refused.stderr
    assert 0 == flask("blocks", "list", env=env).returncode
    assert 0 == flask("db", "downgrade", "--yes", env=env).returncode
    assert "schema is 0005" in fails("blocks", "lease", env=env).stderr
