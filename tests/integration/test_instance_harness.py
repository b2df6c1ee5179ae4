"""The harness that starts real instances does what the fault tests believe."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

import psutil
import psycopg
import pytest

from tests.support.client import number_path
from tests.support.instance import Instance
from tests.support.load import Load
from tests.support.ports import free_port, listens


def test_an_instance_gives_numbers_and_ends_cleanly(database_url: str) -> None:
    with Instance({"DATABASE_URL": database_url}) as instance:
        numbers = {instance.number(), instance.number(origin_country_id="SG")}

        assert 2 == len(numbers)
        assert 400 == instance.get(number_path(weight="heavy")).status
        assert 400 == instance.get(number_path(weight=None)).status
        assert 0 == instance.terminate()
        assert not listens(instance.port)


def test_a_frozen_instance_is_silent_and_goes_on(migrated_sqlite_url: str) -> None:
    with Instance({"DATABASE_URL": migrated_sqlite_url}, timeout=0.5) as instance:
        before = instance.number()
        instance.pause()

        with pytest.raises(TimeoutError):
            instance.number()

        instance.resume()

        assert before != instance.number()


def test_a_killed_instance_restarts_on_its_port(migrated_sqlite_url: str) -> None:
    with Instance({"DATABASE_URL": migrated_sqlite_url}) as instance:
        before = instance.number()
        pid = instance.pid
        instance.kill()

        assert not psutil.pid_exists(pid)

        instance.start()

        assert before != instance.number()


def test_an_instance_that_cannot_start_shows_its_log(sqlite_url: str) -> None:
    with (
        pytest.raises(RuntimeError, match="flask db upgrade"),
        Instance({"DATABASE_URL": sqlite_url}),
    ):
        pass


def test_a_process_that_ignores_sigterm_is_reported_and_still_ended() -> None:
    program = (
        "import signal, socket, time\n"
        f"signal.signal({signal.SIGTERM.value}, signal.SIG_IGN)\n"
        "listener = socket.create_server(('127.0.0.1', {port}))\n"
        "time.sleep(60)\n"
    )
    with Instance({}, command=[sys.executable, "-c", program]) as instance:
        process = psutil.Process(instance.pid)

        with pytest.raises(TimeoutError, match="after SIGTERM"):
            instance.terminate(seconds=0.2)

    assert not process.is_running()


def test_a_load_over_two_instances_repeats_nothing(database_url: str) -> None:
    settings = {"DATABASE_URL": database_url}
    with (
        Instance(settings) as first,
        Instance(settings) as second,
        Load([first.address, second.address], clients=4) as load,
    ):
        load.wait_for(200, address=first.address)
        first.kill()
        load.wait_for(200, address=second.address)
    verdict = load.history.verdict()

    assert verdict.unique, verdict
    assert {} == verdict.failed


def test_a_migrated_database_is_at_head_and_no_other_test_has_been_there(
    migrated_postgres_url: str,
) -> None:
    with psycopg.connect(migrated_postgres_url) as connection:
        (version,) = connection.execute("SELECT count(*) FROM alembic_version").fetchone() or (0,)
        (tables,) = connection.execute(
            "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"
        ).fetchone() or (0,)

    assert 1 == version
    assert tables > 1


def test_a_migrated_file_is_a_copy(migrated_sqlite_url: str, migrated_file: Path) -> None:
    copy = Path(migrated_sqlite_url.removeprefix("sqlite:///"))

    assert copy != migrated_file
    assert migrated_file.read_bytes() == copy.read_bytes()


def test_a_free_port_is_free() -> None:
    assert not listens(free_port())
