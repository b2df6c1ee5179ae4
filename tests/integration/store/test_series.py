"""Series and their number spaces: no two series may ever write the same number."""

from __future__ import annotations

import base64
import logging

import pytest

from tests.support.stores import Stores
from tracking_service.errors import (
    ConflictError,
    NumberSpaceTakenError,
    SeriesExistsError,
    StoreError,
    UnknownSeriesError,
)
from tracking_service.instance.number_spaces import NumberSpaces
from tracking_service.numbering import FORMATS, Shipment
from tracking_service.records import SeriesRecord
from tracking_service.services.verify import Verifier
from tracking_service.store.series import SeriesStore

ROUTED = FORMATS["routed"]
S10 = FORMATS["s10"]
MALAYSIA = {"service": "RA", "country": "MY"}


def create_routed(
    catalogue: SeriesStore, name: str, *, room: int = ROUTED.capacity, serials: int | None = None
) -> SeriesRecord:
    return catalogue.create(
        name,
        number_space="routed",
        format="routed",
        options={},
        space_capacity=room,
        serials=serials or ROUTED.serials_per_series,
        block_size=ROUTED.block_size,
    )


def create_s10(catalogue: SeriesStore, name: str, options: dict[str, str]) -> SeriesRecord:
    return catalogue.create(
        name,
        number_space=S10.space(options),
        format="s10",
        options=options,
        space_capacity=S10.capacity,
        serials=S10.serials_per_series,
        block_size=S10.block_size,
    )


@pytest.fixture
def catalogue(stores: Stores) -> SeriesStore:
    return stores.catalogue


def test_the_default_series_is_there(catalogue: SeriesStore) -> None:
    default = catalogue.find("default")

    assert ("routed", "routed", {}) == (default.number_space, default.format, default.options)
    assert (0, 0, 10**13) == (default.first_serial, default.next_serial, default.end_serial)
    assert 10_000 == default.block_size
    assert 10**13 == default.remaining
    assert 32 == len(default.key)


def test_routed_series_get_disjoint_ranges_of_one_space(catalogue: SeriesStore) -> None:
    made = [create_routed(catalogue, name) for name in ("air", "sea")]

    assert [(10**13, 2 * 10**13), (2 * 10**13, 3 * 10**13)] == [
        (record.first_serial, record.end_serial) for record in made
    ]
    assert all(record.first_serial == record.next_serial for record in made)
    assert {catalogue.find("default").key} == {record.key for record in made}
    assert ["default", "air", "sea"] == [record.name for record in catalogue.in_space("routed")]
    assert ["air", "default", "sea", "small"] == [record.name for record in catalogue.all()]
    assert made[0] == catalogue.find("air")


def test_an_s10_space_takes_one_series(catalogue: SeriesStore) -> None:
    made = create_s10(catalogue, "post", MALAYSIA)

    assert ("s10:RA:MY", MALAYSIA) == (made.number_space, made.options)
    assert (0, 10**8, 1000) == (made.first_serial, made.end_serial, made.block_size)

    with pytest.raises(NumberSpaceTakenError, match="s10:RA:MY has 0 serials left"):
        create_s10(catalogue, "post-2", MALAYSIA)
    with pytest.raises(UnknownSeriesError):
        catalogue.find("post-2")


def test_a_space_that_is_full_takes_no_more(catalogue: SeriesStore) -> None:
    room = 10**13 + 250
    create_routed(catalogue, "one", room=room, serials=100)
    create_routed(catalogue, "two", room=room, serials=100)

    with pytest.raises(NumberSpaceTakenError, match="50 serials left, and three needs 100"):
        create_routed(catalogue, "three", room=room, serials=100)

    last = create_routed(catalogue, "three", room=room, serials=50)

    assert room == last.end_serial


@pytest.mark.parametrize("space", ["routed", "never-made"])
def test_a_name_that_is_taken_is_refused_and_leaves_nothing(stores: Stores, space: str) -> None:
    before = stores.rows("SELECT count(*) FROM number_space")

    with pytest.raises(SeriesExistsError, match="there is a series named default already"):
        stores.create("default", number_space=space, space_capacity=10**15)
    assert before == stores.rows("SELECT count(*) FROM number_space")


def test_a_series_that_the_database_refuses_is_not_tried_for_ever(stores: Stores) -> None:
    """As where a restore by hand left the sequence of ids behind the ids: no name is taken."""
    stores.change("CREATE UNIQUE INDEX one_block_size ON series (block_size)")

    with pytest.raises(StoreError, match="refuses a series named late"):
        stores.create("late", block_size=10_000)


def test_keys_differ_from_space_to_space(catalogue: SeriesStore) -> None:
    made = [
        create_s10(catalogue, f"post-{service.lower()}", {"service": service, "country": "MY"})
        for service in ("RA", "RB", "RC")
    ]
    keys = {record.key for record in [*made, catalogue.find("default")]}

    assert 4 == len(keys)
    assert {32} == {len(key) for key in keys}


def shown(key: bytes) -> list[str]:
    """The forms in which a key might show."""
    return [repr(key)[2:-1], key.hex(), base64.b64encode(key).decode(), str(list(key))[1:-1]]


def test_a_key_shows_nowhere(stores: Stores, caplog: pytest.LogCaptureFixture) -> None:
    # As one does who looks for a fault in the database's traffic.
    with caplog.at_level(logging.INFO, logger="sqlalchemy"):
        with Stores(stores.text) as loud:
            made = create_s10(loud.catalogue, "post", MALAYSIA)
        with pytest.raises(ConflictError) as failure:
            stores.change(
                "INSERT INTO number_space (name, format, options, key)"
                " VALUES ('s10:RA:MY', 's10', '{}', :key)",
                key=made.key,
            )

    assert "INSERT INTO number_space" in caplog.text
    space = NumberSpaces(stores.catalogue).get(made)
    told = [repr(made), str(made), caplog.text, str(failure.value), repr(space), repr(space.format)]
    for text in told:
        assert not [form for form in shown(made.key) if form in text]


SHIPMENTS = (Shipment("MY", "ID"), Shipment("ID", "MY"))


def numbers_of(stores: Stores, series: str) -> list[str]:
    """Every number that a series can write for the shipments, lease by lease to its end."""
    record = stores.catalogue.find(series)
    number_format = NumberSpaces(stores.catalogue).get(record).format
    store = stores.store(f"host:1:{series}")
    blocks = [
        store.lease(series, 1).block
        for _ in range((record.end_serial - record.first_serial) // record.block_size)
    ]
    return [
        number_format.encode(serial, shipment)
        for block in blocks
        for serial in range(block.start, block.end)
        for shipment in SHIPMENTS
    ]


def test_no_number_is_written_by_two_series_and_each_is_found_again(stores: Stores) -> None:
    room = 10**13 + 800
    names = [f"series-{index}" for index in range(8)]
    for name in names:
        stores.create(name, number_space="routed", serials=100, block_size=50, space_capacity=room)
    with pytest.raises(NumberSpaceTakenError):
        stores.create("one-more", number_space="routed", serials=1, space_capacity=room)
    written = {name: numbers_of(stores, name) for name in names}
    everything = [number for numbers in written.values() for number in numbers]
    verifier = Verifier(NumberSpaces(stores.catalogue), stores.blocks.holding, lambda *_: False)
    found = {
        name: {verifier.trace(number).series for number in numbers[::20]}
        for name, numbers in written.items()
    }

    assert 1600 == len(everything) == len(set(everything))
    assert {name: {name} for name in names} == found
