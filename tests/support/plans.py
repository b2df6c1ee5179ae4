"""How a database carries out the statement of a look-up: what it scans, and how many rows it reads."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

from sqlalchemy import event

from tests.support.stores import Stores


def statements(stores: Stores, call: Callable[[], object]) -> list[tuple[str, Any]]:
    """The SELECTs of a call, with their parameters."""
    seen: list[tuple[str, Any]] = []

    def note(*arguments: Any) -> None:
        seen.append((arguments[2], arguments[3]))

    event.listen(stores.engine, "before_cursor_execute", note)
    try:
        call()
    finally:
        event.remove(stores.engine, "before_cursor_execute", note)
    return [each for each in seen if each[0].startswith("SELECT")]


def assert_descends(stores: Stores, call: Callable[[], object], *, index: str, times: int) -> None:
    """Assert that a call is one statement that descends an index so many times, for one row each.

    `index` is named as PostgreSQL knows it, with its table in front: `block.uq_block_series_id_start`.
    """
    table, _, name = index.partition(".")
    ((statement, parameters),) = statements(stores, call)
    if stores.url.get_backend_name() == "sqlite":
        plan = _plan(stores, "EXPLAIN QUERY PLAN ", statement, parameters)
        details = [row[-1] for row in plan]
        on_table = [detail for detail in details if f" {table} " in f"{detail} "]

        assert not [each for each in details if each.startswith("SCAN") and "CONSTANT" not in each]
        assert not [each for each in details if "TEMP B-TREE" in each]
        assert [f"SEARCH {table} USING INDEX"] * times == [
            " ".join(detail.replace("COVERING ", "").split()[:4]) for detail in on_table
        ]
        return
    ((whole,),) = _plan(stores, "EXPLAIN (ANALYZE, FORMAT JSON) ", statement, parameters)
    whole = json.loads(whole) if isinstance(whole, str) else whole
    found = [node for node in _nodes(whole[0]["Plan"]) if node.get("Relation Name") == table]

    assert times == len(found)
    for node in found:
        assert "Index Scan" == node["Node Type"]
        assert name == node["Index Name"]
        # Not all rows below the serial, to be sorted for the last one.
        assert 1 == node["Actual Rows"] == node["Actual Loops"]


def _plan(stores: Stores, explain: str, statement: str, parameters: Any) -> list[Any]:
    with stores.database.transaction() as connection:
        return [list(row) for row in connection.exec_driver_sql(explain + statement, parameters)]


def _nodes(plan: Any) -> Iterator[dict[str, Any]]:
    yield plan
    for child in plan.get("Plans", ()):
        yield from _nodes(child)
