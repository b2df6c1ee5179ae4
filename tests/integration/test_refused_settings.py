"""A setting that cannot be meant stops the start with one line that names it, and no secret."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.answers import assert_one_line, fails
from tests.support.commands import ROOT, environment, flask
from tests.support.instance import Instance
from tests.support.ports import free_port
from tests.support.stores import Stores

SECRET = "hunter2-secret"
UNESCAPED = "hunter2@secret"


@pytest.mark.parametrize(
    "name, value, message",
    [
        ("TRACKING_RESERVE", "900", "TRACKING_RESERVE is not a setting of this service"),
        (
            "TRACKING_THREADS",
            "many",
            "TRACKING_THREADS must be a whole number, such as 8, not 'many'",
        ),
        ("PORT", "65536", "PORT must be from 0 to 65535, not 65536"),
        ("PORT", "1_0", "PORT must be a whole number, such as 8000, not '1_0'"),
        ("TRACKING_WAIT_SECONDS", "inf", "must be a number, such as 2, not 'inf'"),
        ("DATABASE_URL", f"clerk:{SECRET}@db", "must begin with sqlite:/// or"),
        ("DATABASE_URL", f"mysql://c:{SECRET}@db/x", "must begin with sqlite:/// or postgresql:"),
    ],
)
def test_a_bad_setting_stops_the_start(name: str, value: str, message: str) -> None:
    done = fails("serve", env={name: value})

    assert message in done.stderr
    assert name in done.stderr
    assert SECRET not in done.stderr


@pytest.mark.parametrize("command", ["--help", "db upgrade"])
def test_a_bad_setting_stops_any_command(command: str) -> None:
    done = fails(*command.split(), env={"TRACKING_THREADS": "many"})

    assert "TRACKING_THREADS" in done.stderr


def test_a_bad_setting_stops_any_other_server() -> None:
    done = subprocess.run(
        [sys.executable, "-c", "import wsgi"],
        cwd=ROOT,
        env=environment(TRACKING_THREADS="many"),
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert 1 == done.returncode
    assert_one_line(done.stderr)
    assert "TRACKING_THREADS" in done.stderr


def test_a_port_in_use_stops_the_start(migrated_sqlite_url: str) -> None:
    with Instance({"DATABASE_URL": migrated_sqlite_url}) as instance:
        done = fails(
            "serve", "--port", str(instance.port), env={"DATABASE_URL": migrated_sqlite_url}
        )

    assert f"PORT {instance.port} is in use already" in done.stderr


@pytest.mark.parametrize("command", ["serve", "blocks list", "db upgrade"])
@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:", "sqlite:///file:x?mode=memory"])
def test_a_database_in_memory_stops_every_command(command: str, url: str) -> None:
    line = fails(*command.split(), env={"DATABASE_URL": url}).stderr

    assert line.startswith("Error: DATABASE_URL must name a file")


@pytest.mark.parametrize("command", ["serve", "blocks list", "db upgrade"])
@pytest.mark.parametrize("hosts", ["127.0.0.1:{port}", "127.0.0.1:{port},127.0.0.1:{port}"])
def test_a_password_that_is_not_escaped_stops_every_command(command: str, hosts: str) -> None:
    url = f"postgresql://clerk:{UNESCAPED}@{hosts.format(port=free_port())}/x"
    line = fails(*command.split(), env={"DATABASE_URL": url}).stderr

    assert "DATABASE_URL" in line
    assert "write @ as %40" in line
    assert not [part for part in ("clerk", "hunter2", "secret", "127.0.0.1") if part in line]


def test_a_connection_option_that_no_server_would_see_stops_the_start() -> None:
    """Not retried for ever: the driver itself would refuse it each time."""
    url = f"postgresql://clerk:{SECRET}@127.0.0.1:{free_port()}/x?foo=bar"
    line = fails("serve", "--port", "0", env={"DATABASE_URL": url}).stderr

    assert "DATABASE_URL has a connection option that PostgreSQL does not know" in line
    assert SECRET not in line


@pytest.mark.parametrize(
    "command",
    ["serve --port 0", "blocks lease", "numbers mint --origin MY --destination ID --count 1"],
)
@pytest.mark.parametrize("place", ["{folder}/file/state", "{folder}/file", "/proc/x"])
def test_a_state_folder_that_cannot_be_written_stops_before_a_lease(
    migrated_sqlite_url: str, tmp_path: Path, command: str, place: str
) -> None:
    (tmp_path / "file").touch()
    folder = place.format(folder=tmp_path)
    env = {"DATABASE_URL": migrated_sqlite_url, "TRACKING_STATE_DIR": folder}
    line = fails(*command.split(), env=env).stderr

    assert f"TRACKING_STATE_DIR must name a folder that this user may write, and {folder}" in line
    with Stores(migrated_sqlite_url) as stores:
        assert [] == stores.states("default")


def test_a_state_folder_stops_the_start_where_the_database_is_away_too() -> None:
    url = f"postgresql://clerk:{SECRET}@127.0.0.1:{free_port()}/x"
    env = {"DATABASE_URL": url, "TRACKING_STATE_DIR": "/proc/x"}

    assert "TRACKING_STATE_DIR" in fails("serve", "--port", "0", env=env).stderr


def test_marks_that_cannot_be_read_are_told_with_their_setting(
    migrated_sqlite_url: str, tmp_path: Path
) -> None:
    folder = tmp_path / "state"
    folder.mkdir()
    (folder / "high-water-marks.json").write_text("{")
    env = {"DATABASE_URL": migrated_sqlite_url, "TRACKING_STATE_DIR": str(folder)}
    line = fails("blocks", "lease", env=env).stderr

    assert (
        "high-water-marks.json is damaged; check the folder that TRACKING_STATE_DIR names" in line
    )


def test_a_state_folder_that_is_missing_is_made(migrated_sqlite_url: str, tmp_path: Path) -> None:
    folder = tmp_path / "not" / "yet"
    env = {"DATABASE_URL": migrated_sqlite_url, "TRACKING_STATE_DIR": str(folder)}
    with Instance(env) as instance:
        instance.number()

    assert list(folder.glob("high-water-marks/default.*.json"))


@pytest.mark.parametrize("host", ["no-such-host.invalid", "192.0.2.1", "..", "999.0.0.1"])
@pytest.mark.parametrize("auth", ["off", "required"])
def test_a_host_that_is_not_here_stops_the_start(
    migrated_sqlite_url: str, host: str, auth: str
) -> None:
    env = {"DATABASE_URL": migrated_sqlite_url, "HOST": host, "TRACKING_AUTH": auth, "PORT": "0"}

    assert f"HOST {host!r}" in fails("serve", env=env).stderr


def test_a_host_that_all_reach_is_warned_of_once_it_listens(migrated_sqlite_url: str) -> None:
    port = free_port()
    command = (sys.executable, "-m", "flask", "serve", "--host", "0.0.0.0", "--port", str(port))
    with Instance({"DATABASE_URL": migrated_sqlite_url}, command=command, port=port) as instance:
        instance.number()
        # The log has a thread of its own: only at the end is all of it written.
        assert 0 == instance.terminate()
        log = instance.log()

    assert 1 == log.count("anyone who reaches this address may request numbers")


@pytest.mark.parametrize("value", ["1_0", "٨٠", " 80 "])
@pytest.mark.parametrize("option, name", [("--port", "PORT"), ("--threads", "TRACKING_THREADS")])
def test_an_option_takes_what_its_setting_takes(option: str, name: str, value: str) -> None:
    in_environment = fails("serve", env={name: value}).stderr
    typed = subprocess.run(
        [sys.executable, "-m", "flask", "serve", option, value],
        cwd=ROOT,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=60,
    )
    told = f"{name} must be a whole number, such as"

    assert told in in_environment
    assert 2 == typed.returncode
    assert f"Error: Invalid value for '{option}': {told}" in typed.stderr


@pytest.mark.parametrize("command", ["serve --port 0", "db upgrade"])
def test_a_line_break_behind_a_setting_makes_no_file(tmp_path: Path, command: str) -> None:
    """As `echo … | base64` puts it into a Secret of Kubernetes."""
    env = {"DATABASE_URL": f"sqlite:///{tmp_path}/x.db\n"}
    line = fails(*command.split(), env=env).stderr

    assert r"DATABASE_URL has '\n' at its end, which cannot be meant: take it out" in line
    assert [] == list(tmp_path.iterdir())


def test_an_instance_folder_that_cannot_be_made_is_told_in_one_line() -> None:
    """As in a checkout of root's, or a container whose file system is read-only."""
    env = {"TRACKING_INSTANCE_PATH": "/proc/nothing"}

    assert "/proc/nothing cannot be made: " in fails("db", "upgrade", env=env).stderr
    assert "there is no SQLite file where DATABASE_URL says" in fails("serve", env=env).stderr
    assert 0 == flask("--help", env=env).returncode
