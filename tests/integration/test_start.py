"""A start that cannot succeed says so in one line; one that can is quick and ends in good order."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from psycopg import sql

from tests.support.answers import fails
from tests.support.client import NEXT_NUMBER, number_path
from tests.support.commands import ROOT, environment, flask, migrate
from tests.support.instance import Instance
from tests.support.ports import free_port
from tests.support.postgres import PostgresServer
from tests.support.stores import Stores
from tests.support.waiting import wait_until
from tracking_service import __version__
from tracking_service.store.schema import REVISION

SECRET = "hunter2-secret"
# `serve` looks by itself, since it must go on where the database is away; all others share a look.
COMMANDS = ["serve --port 0", "blocks list"]


@pytest.mark.parametrize("command", COMMANDS)
def test_a_database_without_a_schema_stops_every_command(
    empty_database_url: str, command: str
) -> None:
    done = fails(*command.split(), env={"DATABASE_URL": empty_database_url})

    if empty_database_url.startswith("sqlite"):
        assert "there is no SQLite file where DATABASE_URL says: check it, or" in done.stderr
        assert "begin a new database with `flask db upgrade`" in done.stderr
        assert not Path(empty_database_url.removeprefix("sqlite:///")).exists()
    else:
        assert "the database has no schema yet: run `flask db upgrade`" in done.stderr


@pytest.mark.parametrize("command", COMMANDS)
def test_a_schema_that_is_not_at_head_stops_every_command(database_url: str, command: str) -> None:
    with Stores(database_url) as stores:
        stores.change("UPDATE alembic_version SET version_num = '0000'")
    done = fails(*command.split(), env={"DATABASE_URL": database_url})

    assert f"0000 and this version needs {REVISION}: run `flask db upgrade`" in done.stderr


@pytest.mark.parametrize("command", [*COMMANDS, "db upgrade"])
def test_a_schema_that_is_newer_asks_for_the_newer_version(database_url: str, command: str) -> None:
    with Stores(database_url) as stores:
        stores.change("UPDATE alembic_version SET version_num = '9999'")
    line = fails(*command.split(), env={"DATABASE_URL": database_url}).stderr

    assert f"is 9999, newer than {REVISION}" in line
    assert "run the newer version of the service" in line
    assert "flask db upgrade" not in line


@pytest.mark.parametrize("command", [*COMMANDS, "db upgrade"])
def test_a_schema_of_another_program_is_told_apart(migrated_sqlite_url: str, command: str) -> None:
    with Stores(migrated_sqlite_url) as stores:
        stores.change("UPDATE alembic_version SET version_num = '1f2e3d'")
    line = fails(*command.split(), env={"DATABASE_URL": migrated_sqlite_url}).stderr

    assert "'1f2e3d', which no version of this service has" in line
    assert "DATABASE_URL" in line


def test_a_half_migrated_database_has_no_schema(sqlite_url: str, tmp_path: Path) -> None:
    with Stores(sqlite_url) as stores:
        stores.database.create_file(home=tmp_path)
        stores.change("CREATE TABLE alembic_version (version_num VARCHAR(32))")

    assert "no schema yet" in fails("blocks", "list", env={"DATABASE_URL": sqlite_url}).stderr


@pytest.mark.parametrize("command", ["serve", "blocks list", "db upgrade"])
def test_a_path_to_a_folder_that_is_missing_stops_every_command(
    tmp_path: Path, command: str
) -> None:
    file = tmp_path / "missing" / "x.sqlite3"
    line = fails(*command.split(), env={"DATABASE_URL": f"sqlite:///{file}"}).stderr

    if command == "db upgrade":
        assert f"{file} cannot be made: No such file or directory; check DATABASE_URL" in line
    else:
        assert "there is no SQLite file where DATABASE_URL says" in line
    # Nor is the folder made, for the sake of high-water marks.
    assert [] == list(tmp_path.iterdir())


@pytest.mark.parametrize("command", ["serve", "blocks list", "db upgrade"])
def test_an_sqlite_file_that_cannot_be_opened_stops_every_command(
    tmp_path: Path, command: str
) -> None:
    line = fails(*command.split(), env={"DATABASE_URL": f"sqlite:///{tmp_path}"}).stderr

    assert "unable to open database file; check DATABASE_URL, and that this user may" in line


@pytest.mark.parametrize("command", ["blocks list", "db upgrade"])
@pytest.mark.parametrize("hosts", ["127.0.0.1:{port}", "127.0.0.1:{port},127.0.0.1:{port}"])
def test_a_server_that_is_away_stops_a_command(command: str, hosts: str) -> None:
    where = hosts.format(port=free_port())
    env = {"DATABASE_URL": f"postgresql://clerk:{SECRET}@{where}/x"}
    done = fails(*command.split(), env=env)

    assert "the database does not answer" in done.stderr
    assert "; check DATABASE_URL, and that the database runs" in done.stderr
    assert SECRET not in done.stderr


def test_an_import_connects_to_nothing_and_leases_nothing() -> None:
    env = environment(DATABASE_URL=f"postgresql://clerk:{SECRET}@127.0.0.1:{free_port()}/x")
    code = (
        "import wsgi; from tracking_service.container import services_of;"
        " print(services_of(wsgi.app).instance.health.database)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=env,
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert (0, "unknown\n", "") == (done.returncode, done.stdout, done.stderr)


# Credentials.


@pytest.fixture(scope="module")
def guarded() -> Iterator[PostgresServer]:
    """A server on which `clerk` needs a password."""
    with PostgresServer.create() as server:
        server.execute(
            sql.SQL("CREATE ROLE clerk LOGIN SUPERUSER PASSWORD {}").format(sql.Literal(SECRET))
        )
        rules = ["host all clerk 127.0.0.1/32 scram-sha-256", "host all all 127.0.0.1/32 trust"]
        (server.data / "pg_hba.conf").write_text("\n".join([*rules, ""]))
        server.execute("SELECT pg_reload_conf()")
        yield server


def guarded_url(server: PostgresServer, password: str, *, port: int | None = None) -> str:
    return f"postgresql://clerk:{password}@127.0.0.1:{port or server.port}/postgres"


@pytest.mark.parametrize("command", ["blocks list", "db upgrade"])
def test_a_wrong_password_is_told_and_not_shown(guarded: PostgresServer, command: str) -> None:
    wrong = SECRET.replace("h", "H")
    done = fails(*command.split(), env={"DATABASE_URL": guarded_url(guarded, wrong)})

    assert 'password authentication failed for user "clerk"' in done.stderr
    assert wrong not in done.stderr


def test_a_password_shows_in_nothing_that_a_server_says(guarded: PostgresServer) -> None:
    url = guarded_url(guarded, SECRET)
    migrate(url)
    listing = flask("blocks", "list", env={"DATABASE_URL": url})
    with Instance({"DATABASE_URL": url, "TRACKING_DATABASE_TIMEOUT_SECONDS": "1"}) as instance:
        instance.number()
        bodies = [
            instance.get(path).body.decode()
            for path in ("/readyz", "/metrics", "/nothing", NEXT_NUMBER, number_path(series="x"))
        ]
        # And where it goes wrong in the middle.
        guarded.stop("immediate")
        bodies += [
            instance.get(path).body.decode()
            for path in ("/readyz", "/api/tracking-numbers/RA123456785MY", number_path(series="y"))
        ]
        guarded.start()
        instance.terminate()
        said = [listing.stdout, listing.stderr, instance.log(), *bodies]

    assert 0 == listing.returncode
    assert not [text for text in said if SECRET in text]


def test_a_wrong_password_in_a_server_shows_in_no_log(guarded: PostgresServer) -> None:
    wrong = SECRET.replace("h", "H")
    with Instance({"DATABASE_URL": guarded_url(guarded, wrong)}) as instance:
        ready = instance.get("/readyz")
        alive = instance.get("/healthz")
        instance.terminate()
        log = instance.log()

    assert (503, 200) == (ready.status, alive.status)
    assert "password authentication failed" in log
    # What to do is for who reads the log, not for who asks.
    assert "check DATABASE_URL, and that the database runs and lets this user in" in log
    assert b"DATABASE_URL" not in ready.body
    assert wrong not in log + ready.body.decode()


# A start that succeeds.


def listens_after(env: dict[str, str]) -> float:
    """Seconds from the command to the line that says it listens."""
    began = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, "-m", "flask", "serve", "--port", "0"],
        cwd=ROOT,
        env=environment(**env),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stderr is not None
        line = process.stderr.readline()
        took = time.monotonic() - began
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=30)
    finally:
        if process.poll() is None:
            process.kill()
            process.communicate()
    assert line.startswith("Listening on http://127.0.0.1:")
    assert 0 == process.returncode
    return took


def test_it_says_its_version_its_name_and_its_database(database_url: str) -> None:
    secret = database_url.replace("@", ":hunter2@")
    named = {"DATABASE_URL": secret, "TRACKING_INSTANCE_NAME": "web-1"}
    with Instance(named) as instance:
        wait_until(lambda: "\nVersion" in instance.log(), seconds=20, what="the second line")
        lines = instance.log().splitlines()
        name = instance.get("/api/status").json()["instance"]
    (line,) = (line for line in lines if line.startswith("Version"))
    place = urlsplit(database_url)

    assert name.startswith("web-1:")
    assert f"Version {__version__}, instance {name}, database {place.scheme}://" in line
    assert line.endswith(place.path)
    assert "hunter2" not in line


ATTEMPTS = 10


@pytest.mark.slow
def test_it_listens_within_two_seconds(database_url: str, tmp_path: Path) -> None:
    """Once is enough: an attempt may find a cold file cache, or a machine that is busy."""
    env = {"DATABASE_URL": database_url, "TRACKING_STATE_DIR": str(tmp_path / "state")}
    attempts = (listens_after(env) for _ in range(ATTEMPTS))

    assert any(seconds < 2.0 for seconds in attempts)


def test_sigterm_ends_it_with_what_was_spent_on_record(database_url: str) -> None:
    with Instance({"DATABASE_URL": database_url}) as instance:
        for _ in range(3):
            instance.number()
        code = instance.terminate()
        log = instance.log()
    listing = flask("blocks", "list", "--json", env={"DATABASE_URL": database_url})
    blocks = sorted(json.loads(listing.stdout), key=lambda block: block["start"])

    assert 0 == code, log
    assert [(0, 3, "spent", 3), (3, 10_000, "returned", 3)] == [
        (block["start"], block["end"], block["state"], block["spent_end"]) for block in blocks
    ]
    assert all(block["released_at"] for block in blocks)
