"""Verifying costs the same with one series and with thousands, in statements and in rows read."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from sqlalchemy import insert

from tests.support.plans import assert_descends, statements
from tests.support.stores import Stores
from tracking_service.errors import CheckCharacterError, KeyChangedError
from tracking_service.instance.number_spaces import NumberSpaces
from tracking_service.numbering import Shipment
from tracking_service.numbering.builtin import ROUTED
from tracking_service.services.verify import Verifier
from tracking_service.store.models import SeriesRow

SHIPMENT = Shipment("MY", "ID")
SPACE = ROUTED.text
FIRST = 10**13
"""The first serial after the default series."""
SERIALS = 1_000
COUNT = 3_000


@pytest.fixture
def crowded(stores: Stores) -> Stores:
    """The default series and many more in its number space, each of which has leased 100 serials."""
    ((space,),) = stores.rows("SELECT id FROM number_space WHERE name = :name", name=SPACE)
    now = datetime.now(UTC)
    with stores.database.transaction(write=True) as connection:
        connection.execute(
            insert(SeriesRow),
            [
                {
                    "name": f"many-{index}",
                    "number_space_id": space,
                    "block_size": 100,
                    "first_serial": first,
                    "next_serial": first + 100,
                    "end_serial": first + SERIALS,
                    "failover_skip": 1,
                    "created_at": now,
                }
                for index, first in enumerate(range(FIRST, FIRST + COUNT * SERIALS, SERIALS))
            ],
        )
    stores.change("ANALYZE")
    return stores


def test_the_series_of_a_serial_is_found_by_one_descent_of_an_index(crowded: Stores) -> None:
    assert_descends(
        crowded,
        lambda: crowded.series.nearest(SPACE, FIRST + 1_500 * SERIALS + 7),
        index="series.uq_series_number_space_id_first_serial",
        times=1,
    )


def test_counters_are_looked_at_in_one_statement_by_a_descent_for_each(crowded: Stores) -> None:
    asked = [(SPACE, FIRST + index * SERIALS + 7) for index in (3, 1_500, 2_999)]

    assert_descends(
        crowded,
        lambda: crowded.series.count_leased(asked),
        index="series.uq_series_number_space_id_first_serial",
        times=3,
    )


def test_the_nearest_series_begins_at_the_serial_or_next_before_it(crowded: Stores) -> None:
    def nearest(serial: int) -> str | None:
        found = crowded.series.nearest(SPACE, serial)
        return found.name if found else None

    assert ["default", "default", "many-0", "many-0", "many-1"] == [
        nearest(serial) for serial in (0, FIRST - 1, FIRST, FIRST + 999, FIRST + 1_000)
    ]
    assert f"many-{COUNT - 1}" == nearest(32**11 - 1)
    assert nearest(-1) is None
    assert crowded.series.nearest("nothing", 0) is None


def test_what_is_leased_is_counted_by_each_series_counter(crowded: Stores) -> None:
    def counted(*serials: int) -> int:
        return crowded.series.count_leased([(SPACE, serial) for serial in serials])

    assert [1, 0, 0] == [counted(FIRST + 99), counted(FIRST + 100), counted(0)]
    assert 2 == counted(FIRST, FIRST + 99, FIRST + 100, FIRST + 1_999, FIRST + 10**9)
    assert 0 == crowded.series.count_leased([("nothing", 5)])


def verifier(stores: Stores) -> tuple[Verifier, str]:
    """A verifier that knows the default series' space, and a number of another series of it."""
    spaces = NumberSpaces(stores.series)
    number = spaces.find("default").format.encode(FIRST + 5, SHIPMENT)
    return Verifier(spaces, stores.blocks.holding, lambda *_: True), number


def test_a_number_is_verified_by_two_statements(crowded: Stores) -> None:
    crowded.change("UPDATE series SET next_serial = first_serial WHERE name = 'many-0'")
    crowded.store("host:1:aaaa").lease("many-0", 1)
    verify, number = verifier(crowded)

    assert 2 == len(statements(crowded, lambda: verify.verify(number)))
    assert "many-0" == verify.verify(number).series


def test_a_wrong_check_character_costs_one_statement(crowded: Stores) -> None:
    verify, number = verifier(crowded)
    wrong = number[:-1] + ("0" if number[-1] != "0" else "1")

    def refuse() -> None:
        with pytest.raises(CheckCharacterError) as caught:
            verify.verify(wrong)
        assert caught.value.likely_typo

    ((statement, _),) = statements(crowded, refuse)

    # A counter for each candidate whose check character is right.
    assert 8 < statement.count("SELECT series.next_serial") < 25


def test_a_key_that_changed_is_seen_whatever_series_the_serial_seems_to_be_of(
    crowded: Stores,
) -> None:
    verify, number = verifier(crowded)
    crowded.change(
        "UPDATE number_space SET key = :key WHERE name = :name", key=b"k" * 32, name=SPACE
    )
    for text in (
        number,
        NumberSpaces(crowded.series).find("default").format.encode(7, SHIPMENT),
    ):
        with pytest.raises(KeyChangedError):
            verify.verify(text)
