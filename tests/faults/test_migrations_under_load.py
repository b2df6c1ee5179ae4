"""Two hosts bring the schema to head while others lease and issue."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from sqlalchemy import NullPool, create_engine, inspect

from tests.support.commands import ROOT, flask
from tests.support.fleet import Fleet, readiness, wait_until_ready
from tests.support.instance import Instance
from tests.support.ledger import judge
from tests.support.load import Load
from tests.support.postgres import PostgresServer
from tests.support.waiting import wait_until
from tracking_service.store.database import database_url
from tracking_service.store.schema import REVISION

NEXT = f'''
"""A column more in the table that every lease writes to."""

import sqlalchemy as sa
from alembic import op

revision = "later"
down_revision = "{REVISION}"


def upgrade() -> None:
    op.add_column("block", sa.Column("note", sa.Text))


def downgrade() -> None:
    op.drop_column("block", "note")
'''


def test_two_hosts_migrate_while_others_lease(
    url: str,
    shrink: Callable[[str, int], None],
    tmp_path: Path,
) -> None:
    shrink(url, 50)
    folder = tmp_path / "migrations"
    shutil.copytree(ROOT / "migrations", folder)
    (folder / "versions" / "later.py").write_text(NEXT)
    with Fleet(url, 2) as fleet:
        with Load(fleet.addresses, clients=4, rate=300) as load:
            load.wait_for(200)
            codes = upgrade_at_once(url, "--directory", str(folder))
            load.wait_for(200)
        judgement = judge(load.history, url)

    assert [0, 0] == codes
    assert "note" in columns(url)
    assert judgement.honest, judgement
    assert 0 == judgement.verdict.failures + judgement.verdict.perhaps, judgement


def test_an_instance_waits_for_the_schema_that_two_hosts_bring(server: PostgresServer) -> None:
    server.create_database("empty")
    url = server.url("empty")
    server.stop("immediate")
    with Instance({"DATABASE_URL": url}) as instance:
        server.start()
        wait_until(
            lambda: "schema" in readiness(instance)[1]["detail"],
            seconds=20,
            what="word of the schema",
        )
        codes = upgrade_at_once(url)
        wait_until_ready(instance)
        number = instance.number()

    assert [0, 0] == codes
    assert number


def upgrade_at_once(url: str, *options: str) -> Sequence[int]:
    """Run `flask db upgrade` on two hosts at once; return how they ended."""
    with ThreadPoolExecutor(2) as hosts:
        runs = [
            hosts.submit(flask, "db", "upgrade", *options, env={"DATABASE_URL": url})
            for _ in range(2)
        ]
        return [run.result().returncode for run in runs]


def columns(url: str) -> set[str]:
    """Those of the block table."""
    engine = create_engine(database_url(url), poolclass=NullPool)
    return {column["name"] for column in inspect(engine).get_columns("block")}
