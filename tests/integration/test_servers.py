"""The service on the servers that use all cores: each worker has blocks of its own and ends well.

docs/servers.md gives these commands; the load here is sent while the workers are still cold.
"""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from tests.support import processes
from tests.support.client import Client, Response, number_path
from tests.support.commands import ROOT
from tests.support.instance import SERVE, Instance
from tests.support.load import Load
from tests.support.oracle import History
from tests.support.servers import COMMANDS
from tracking_service.store.database import database_url as parsed_url

WAVES = 50


def blocks(url: str) -> list[tuple[str, str, int, int]]:
    """State, instance, start and end of every block, by start."""
    engine = create_engine(parsed_url(url))
    statement = text('SELECT state, instance, start, "end" FROM block ORDER BY start')
    try:
        with engine.connect() as connection:
            return [tuple(row) for row in connection.execute(statement)]
    finally:
        engine.dispose()


def workers_that_leased(url: str) -> set[str]:
    return {instance for _, instance, _, _ in blocks(url)}


@pytest.mark.parametrize("server", COMMANDS)
def test_workers_share_no_number_and_hand_their_tails_back(server: str, database_url: str) -> None:
    command = COMMANDS[server]
    with Instance({"DATABASE_URL": database_url}, command=command) as instance:
        # A connection stays with the worker that took it, and the first to be up may take them
        # all: new ones are opened until each worker has been asked.
        history = History()
        for _ in range(WAVES):
            with Load([instance.address], clients=16, history=history) as load:
                load.wait_for(200)
            if len(workers_that_leased(database_url)) == 2:
                break
        assert 2 == len(workers_that_leased(database_url))
        family = processes.family(instance.pid)

        assert 0 == instance.terminate()
        assert not [process for process in family if process.is_running()]

    verdict = history.verdict()
    states = {state for state, _, _, _ in blocks(database_url)}
    spent = sum(end - start for state, _, start, end in blocks(database_url) if state == "spent")

    assert verdict.unique, str(verdict)
    # What waited in lanes amid a block was left out.
    assert {"spent", "returned"} == states - {"skipped"}
    # What was spent is what came, and perhaps what was on its way when the load ended.
    assert verdict.acknowledged <= spent <= verdict.attempted


def test_a_number_of_one_worker_is_known_to_the_other(migrated_sqlite_url: str) -> None:
    env = {"DATABASE_URL": migrated_sqlite_url}
    with Instance(env, command=COMMANDS["granian"]) as instance:
        number = instance.number()

        def ask(_: int) -> Response:
            client = Client(*instance.address)
            try:
                return client.get(f"/api/tracking-numbers/{number}")
            finally:
                client.close()

        answers = []
        with ThreadPoolExecutor(16) as callers:
            for _ in range(WAVES):
                # At once: one by one, the worker that idles may take them all.
                answers = list(callers.map(ask, range(16)))
                # Only the worker that issued it can say so.
                if any(answer.json()["status"] == "reserved" for answer in answers):
                    break

    assert {200} == {answer.status for answer in answers}
    assert "reserved" in {answer.json()["status"] for answer in answers}


@pytest.mark.parametrize("server", ["flask serve", *COMMANDS])
def test_a_path_with_two_slashes_is_unknown_to_every_server(
    server: str, migrated_sqlite_url: str
) -> None:
    command = COMMANDS.get(server, SERVE)
    with Instance({"DATABASE_URL": migrated_sqlite_url}, command=command) as instance:
        found = {path: instance.get(path) for path in ("//healthz", "//metrics", "/%2Fmetrics")}

    for path, answer in found.items():
        assert 404 == answer.status, path
        assert "application/problem+json" == answer.headers["Content-Type"]
        assert "Not Found" == answer.json()["title"]


@pytest.mark.parametrize("server", ["flask serve", *COMMANDS])
def test_every_answer_gives_the_requests_id_back(server: str, migrated_sqlite_url: str) -> None:
    """The client takes an answer without its request's id for that of another request."""
    command = COMMANDS.get(server, SERVE)
    paths = {
        number_path(): 200,
        number_path(weight="0"): 400,
        number_path(series="none"): 400,
        "/api/tracking-numbers/MYID": 400,
        "/api/tracking-numbers/": 405,
        "/nowhere": 404,
    }
    found: dict[str, tuple[int, list[str] | None]] = {}
    with (
        Instance({"DATABASE_URL": migrated_sqlite_url}, command=command) as instance,
        closing(Client(*instance.address)) as client,
    ):
        for path in paths:
            answer = client.get(path, headers={"X-Request-ID": f"a.{len(found)}"})
            found[path] = (answer.status, answer.headers.get_all("X-Request-ID"))

    assert {path: (paths[path], [f"a.{n}"]) for n, path in enumerate(paths)} == found


def test_the_page_on_servers_has_these_commands() -> None:
    page = Path(ROOT / "docs" / "servers.md").read_text()

    for server, command in COMMANDS.items():
        options = [part for part in command if re.match(r"--(worker|thread|block|interface)", part)]
        written = re.search(rf"^\$ TRACKING_THREADS=4 {server} (.*)$", page, re.MULTILINE)

        assert written is not None
        assert [] == [option for option in options if option.replace("=", " ") not in written[1]]
