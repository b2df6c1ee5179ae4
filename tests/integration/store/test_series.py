"""Series and their number spaces: no two series may ever write the same number."""

from __future__ import annotations

import base64
import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest

from tests.support.stores import Stores
from tracking_service.errors import (
    ConflictError,
    NumberSpaceTakenError,
    PatternTakenError,
    SeriesExistsError,
    StoreError,
)
from tracking_service.instance.number_spaces import NumberSpaces
from tracking_service.numbering import Pattern, Shipment, parse
from tracking_service.numbering.builtin import ROUTED, built_in
from tracking_service.records import SeriesRecord
from tracking_service.services.verify import Verifier
from tracking_service.store.series import SeriesStore

SMALL = parse("R{body:6}{check}", "digits")
"""A million serials."""


def create(
    series_store: SeriesStore, name: str, pattern: Pattern = ROUTED, *, serials: int = 10**13
) -> SeriesRecord:
    return series_store.create(name, pattern=pattern, serials=serials, block_size=100)


def post(service: str, country: str = "MY") -> Pattern:
    return built_in("s10", {"service": service, "country": country}, {"MY", "SG"})


@pytest.fixture
def series_store(stores: Stores) -> SeriesStore:
    return stores.series


def test_the_default_series_is_there(series_store: SeriesStore) -> None:
    default = series_store.find("default")

    assert ROUTED == default.pattern
    assert (0, 0, 10**13) == (default.first_serial, default.next_serial, default.end_serial)
    assert 10_000 == default.block_size
    assert 10**13 == default.remaining
    assert 32 == len(default.key)


def test_series_of_one_pattern_get_disjoint_ranges_of_one_space(series_store: SeriesStore) -> None:
    made = [create(series_store, name) for name in ("air", "sea")]
    default = series_store.find("default")

    assert [(10**13, 2 * 10**13), (2 * 10**13, 3 * 10**13)] == [
        (record.first_serial, record.end_serial) for record in made
    ]
    assert all(record.first_serial == record.next_serial for record in made)
    assert {default.key} == {record.key for record in made}
    assert {default.number_space} == {record.number_space for record in made}
    assert ["air", "default", "sea", "small"] == [record.name for record in series_store.all()]
    assert made[0] == series_store.find("air")


def test_a_space_that_is_full_takes_no_more(series_store: SeriesStore) -> None:
    create(series_store, "one", SMALL, serials=999_900)

    with pytest.raises(NumberSpaceTakenError, match="has 100 serials left, and two needs 101"):
        create(series_store, "two", SMALL, serials=101)

    last = create(series_store, "two", SMALL, serials=100)

    assert 10**6 == last.end_serial
    with pytest.raises(NumberSpaceTakenError, match="has 0 serials left"):
        create(series_store, "three", SMALL, serials=1)


@pytest.mark.parametrize(
    "text, alphabet, series",
    [
        # Another alphabet, another check character: the texts are of one shape.
        (ROUTED.text, "base36", "default"),
        ("RBID{body:11}{check}", "digits", "default"),
        ("{origin}{destination}{body:10}{check}7", "crockford", "default"),
        ("{body:12}{check}ABC", "consonants", "default"),
        ("{body:8}", "digits", None),
        ("XBID{body:11}{check}", "digits", None),
        ("RA{body:8}{check}{origin:SG}", "digits", None),
        ("RA{body:9}{destination}", "digits", "post"),
    ],
)
def test_a_pattern_that_could_write_a_number_of_another_series_is_refused(
    stores: Stores, text: str, alphabet: str, series: str | None
) -> None:
    create(stores.series, "post", post("RA"), serials=10)
    before = stores.rows("SELECT count(*) FROM number_space")
    pattern = parse(text, alphabet)
    if series is None:
        assert pattern == create(stores.series, "new", pattern, serials=10).pattern
        return
    with pytest.raises(PatternTakenError, match=f"as one of the series {series}, whose"):
        create(stores.series, "new", pattern, serials=10)
    assert before == stores.rows("SELECT count(*) FROM number_space")


HOSTS = 4


def test_of_patterns_that_meet_hosts_make_one(stores: Stores) -> None:
    """Each would see nothing of what the others have not committed."""
    together = threading.Barrier(HOSTS)

    def make(host: int) -> int:
        """Make a series a round; return in how many rounds this host was the one that did."""
        made = 0
        with Stores(stores.text) as own:
            for letter in "DEFGHJ":
                pattern = parse(f"{letter}{'123'[:host]}{{body:{12 - host}}}", "digits")
                together.wait(30)
                with suppress(PatternTakenError):
                    create(own.series, f"{letter.lower()}-{host}", pattern, serials=9)
                    made += 1
        return made

    with ThreadPoolExecutor(HOSTS) as pool:
        assert 6 == sum(pool.map(make, range(HOSTS)))
    assert 6 + 2 == len(stores.series.spaces())


@pytest.mark.parametrize("pattern", [ROUTED, SMALL], ids=["in a space", "in a space to be made"])
def test_a_name_that_is_taken_is_refused_and_leaves_nothing(
    stores: Stores, pattern: Pattern
) -> None:
    before = stores.rows("SELECT count(*) FROM number_space")

    with pytest.raises(SeriesExistsError, match="there is a series named default already"):
        stores.create("default", pattern=pattern)
    assert before == stores.rows("SELECT count(*) FROM number_space")


def test_a_series_that_the_database_refuses_is_not_tried_for_ever(stores: Stores) -> None:
    """As where a restore by hand left the sequence of ids behind the ids: no name is taken."""
    stores.change("CREATE UNIQUE INDEX one_block_size ON series (block_size)")

    with pytest.raises(StoreError, match="refuses a series named late"):
        stores.create("late", block_size=10_000)


def test_keys_differ_from_space_to_space(series_store: SeriesStore) -> None:
    made = [
        create(series_store, f"post-{service.lower()}", post(service), serials=10)
        for service in ("RA", "RB", "RC")
    ]
    keys = {record.key for record in [*made, series_store.find("default")]}

    assert 4 == len(keys)
    assert {32} == {len(key) for key in keys}


def shown(key: bytes) -> list[str]:
    """The forms in which a key might show."""
    return [repr(key)[2:-1], key.hex(), base64.b64encode(key).decode(), str(list(key))[1:-1]]


def test_a_key_shows_nowhere(stores: Stores, caplog: pytest.LogCaptureFixture) -> None:
    # As one does who looks for a fault in the database's traffic.
    with caplog.at_level(logging.INFO, logger="sqlalchemy"):
        with Stores(stores.text) as loud:
            made = create(loud.series, "post", post("RA"), serials=10)
        with pytest.raises(ConflictError) as failure:
            stores.change(
                "INSERT INTO number_space (name, format, options, key)"
                " VALUES (:name, '', '{}', :key)",
                name=made.number_space,
                key=made.key,
            )

    assert "INSERT INTO number_space" in caplog.text
    space = NumberSpaces(stores.series).get(made)
    told = [repr(made), str(made), caplog.text, str(failure.value), repr(space), repr(space.format)]
    for text in told:
        assert not [form for form in shown(made.key) if form in text]


SHIPMENTS = (Shipment("MY", "ID"), Shipment("ID", "MY"))


def numbers_of(stores: Stores, series: str) -> list[str]:
    """Every number that a series can write for the shipments, lease by lease to its end."""
    record = stores.series.find(series)
    number_format = NumberSpaces(stores.series).get(record).format
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
    names = [f"series-{index}" for index in range(8)]
    for name in names:
        stores.create(name, pattern=ROUTED, serials=100, block_size=50)
    written = {name: numbers_of(stores, name) for name in names}
    everything = [number for numbers in written.values() for number in numbers]
    verifier = Verifier(NumberSpaces(stores.series), stores.blocks.holding, lambda *_: False)
    found = {
        name: {verifier.trace(number).series for number in numbers[::20]}
        for name, numbers in written.items()
    }

    assert 1600 == len(everything) == len(set(everything))
    assert {name: {name} for name in names} == found
