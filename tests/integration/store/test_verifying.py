"""A number back to what may be known of it: by arithmetic and one look-up of a block."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest

from tests.support.fakes import FakeSeries, FakeSeriesStore
from tests.support.numbers import POST, completed
from tests.support.stores import Stores
from tracking_service.allocation import Block
from tracking_service.errors import (
    CheckCharacterError,
    MalformedNumberError,
    NotIssuedError,
    NumberError,
)
from tracking_service.instance.number_spaces import NumberSpaces
from tracking_service.numbering import Format, Shipment
from tracking_service.numbering.builtin import ROUTED
from tracking_service.records import LeasedBlock
from tracking_service.services.verify import VerifiedNumber, Verifier

SHIPMENT = Shipment("MY", "ID")
INSTANCE = "host:1:aaaa"


@dataclass
class Desk:
    """A verifier over a database, and the means to write numbers and to say what was spent."""

    stores: Stores
    spent_here: frozenset[int] = frozenset()

    def __post_init__(self) -> None:
        self.spaces = NumberSpaces(self.stores.series)
        self.verifier = Verifier(self.spaces, self.stores.blocks.holding, self.has_spent)
        self.asked: list[tuple[str, int, str]] = []

    def has_spent(self, series: str, serial: int, instance: str) -> bool:
        self.asked.append((series, serial, instance))
        return serial in self.spent_here

    def number(self, serial: int, series: str = "default") -> str:
        return self.spaces.get(self.stores.series.find(series)).format.encode(serial, SHIPMENT)

    def status(self, serial: int) -> str:
        """What verifying says, or the name of the error that it raises."""
        try:
            return self.verifier.verify(self.number(serial)).status
        except NumberError as error:
            return type(error).__name__


@pytest.fixture
def desk(stores: Stores) -> Desk:
    """The default series with a leased block [0, 10_000)."""
    stores.store(INSTANCE).lease("default", 1)
    return Desk(stores)


def test_a_leased_number_is_told_of(desk: Desk) -> None:
    verified = desk.verifier.verify(desk.number(7))
    (block,) = desk.stores.blocks.latest(series="default", limit=9)

    assert (
        VerifiedNumber(desk.number(7), "default", "MY", "ID", "reserved", block.leased_at)
        == verified
    )
    assert verified.leased_at.tzinfo is UTC
    assert [("default", 7, INSTANCE)] == desk.asked


def test_a_trace_tells_operators_of_serial_and_block(desk: Desk) -> None:
    traced = desk.verifier.trace(desk.number(7))

    assert 7 == traced.decoded.serial
    assert (INSTANCE, "leased", None) == (
        traced.block.instance,
        traced.block.state,
        traced.block.released_at,
    )


def test_what_this_instance_has_handed_out_is_issued(desk: Desk) -> None:
    desk.spent_here = frozenset({7})

    assert ["issued", "reserved"] == [desk.status(7), desk.status(8)]


def test_the_state_of_the_block_decides(stores: Stores) -> None:
    store = stores.store(INSTANCE)
    store.lease("default", 1)
    store.hand_back("default", [Block(6_000, 10_000)])
    other = stores.store("host:2:bbbb")
    other.skip_to("default", by=0 + 5_000)
    other.lease("default", 1)
    desk = Desk(stores, spent_here=frozenset(range(20_000)))
    desk_elsewhere = Desk(stores)
    statuses = {
        serial: desk_elsewhere.status(serial) for serial in (0, 5_999, 12_000, 15_000, 25_000)
    }

    assert [
        (0, 6_000, "spent"),
        (6_000, 10_000, "skipped"),
        (10_000, 15_000, "skipped"),
        (15_000, 25_000, "leased"),
    ] == stores.states("default")
    assert {
        0: "issued",
        5_999: "issued",
        # Perhaps handed out by a lease that was forgotten: nobody can say.
        12_000: "reserved",
        15_000: "reserved",
        # Beyond the high-water mark.
        25_000: "NotIssuedError",
    } == statuses
    # What an instance says of itself counts for its leased blocks alone.
    assert ["reserved", "issued"] == [desk.status(12_000), desk.status(15_000)]


def test_a_tail_that_went_back_was_not_issued(desk: Desk) -> None:
    store = desk.stores.store("host:2:bbbb")
    store.lease("default", 1)
    store.hand_back("default", [Block(16_000, 20_000)])
    before = [desk.status(15_999), desk.status(16_000)]
    desk.stores.store("host:3:cccc").lease("default", 1)

    assert ["issued", "NotIssuedError"] == before
    assert "reserved" == desk.status(16_000)


def test_a_serial_that_lies_in_no_series_was_never_leased(desk: Desk) -> None:
    assert "NotIssuedError" == desk.status(10**13 + 5)
    assert "NotIssuedError" == desk.status(32**11 - 1)


def test_another_prefix_makes_another_number(desk: Desk) -> None:
    number = desk.number(7)
    for prefix in ("MYSG", "IDMY", "SGID"):
        text = prefix + number[4:-1]
        with pytest.raises(NotIssuedError):
            desk.verifier.verify(completed(text))


def test_numbers_are_read_as_people_type_them(desk: Desk) -> None:
    number = desk.number(7)
    typed = f" {number[:4].lower()}-{number[4:9]} {number[9:].lower()} "

    assert number == desk.verifier.verify(typed).tracking_number


@pytest.mark.parametrize("text", ["", "MYID", "MYID7K2M0QX4C9TUX", "MYID/7K2M0QX4C9T", "١" * 16])
def test_what_has_no_numbers_shape_is_malformed(desk: Desk, text: str) -> None:
    with pytest.raises(MalformedNumberError):
        desk.verifier.verify(text)


def test_a_slip_in_a_leased_number_looks_like_a_typing_error(desk: Desk) -> None:
    number = desk.number(7)
    at = next(i for i in range(5, 14) if number[i] != number[i + 1])
    swapped = number[:at] + number[at + 1] + number[at] + number[at + 2 :]
    wrong = number[:9] + ("A" if number[9] != "A" else "B") + number[10:]
    for text in (swapped, wrong):
        with pytest.raises(CheckCharacterError) as caught:
            desk.verifier.verify(text)

        assert caught.value.likely_typo


def test_a_wrong_check_character_of_an_invention_is_no_typing_error(desk: Desk) -> None:
    number = desk.number(20_000)
    wrong = number[:9] + ("A" if number[9] != "A" else "B") + number[10:]
    with pytest.raises(CheckCharacterError) as caught:
        desk.verifier.verify(wrong)

    assert not caught.value.likely_typo


def test_a_number_of_no_series_shape_is_malformed(desk: Desk) -> None:
    number = Format(POST, bytes(32)).encode(3, SHIPMENT)

    with pytest.raises(MalformedNumberError, match="no series of this service"):
        desk.verifier.verify(number)


def test_a_series_that_another_process_has_made_is_read_at_once(desk: Desk) -> None:
    with pytest.raises(MalformedNumberError):
        desk.verifier.verify("RA123456785MY")
    with Stores(desk.stores.text) as elsewhere:
        elsewhere.create("post", pattern=POST)
        elsewhere.store("host:2:bbbb").lease("post", 1)
        number = Desk(elsewhere).number(3, "post")

    assert "post" == desk.verifier.verify(number).series


def test_letters_that_look_like_digits_are_read_as_digits(desk: Desk) -> None:
    number = next(n for n in map(desk.number, range(1_000)) if {"0", "1"} <= set(n[4:]))
    for letter in "IL":
        typed = number[:4] + number[4:].replace("0", "o").replace("1", letter)

        assert number == desk.verifier.verify(typed).tracking_number


def test_an_s10_number_says_no_destination(desk: Desk) -> None:
    desk.stores.create("post", pattern=POST, serials=10**8)
    desk.stores.store(INSTANCE).lease("post", 1)
    verified = desk.verifier.verify(desk.number(3, "post"))

    assert ("post", "MY", None) == (
        verified.series,
        verified.origin_country_id,
        verified.destination_country_id,
    )


class CountingBlocks:
    """Says of every serial that it was spent, and counts how often it is asked."""

    def __init__(self) -> None:
        self.asked = 0

    def holding(self, series: str, serial: int) -> LeasedBlock | None:
        self.asked += 1
        return LeasedBlock(
            1, series, serial, serial + 1, "spent", INSTANCE, datetime.now(UTC), None
        )


def test_of_a_hundred_thousand_invented_numbers_none_was_issued() -> None:
    """Ten million are leased. The key and the inventions are the same at every run."""
    series = FakeSeries("default", next_serial=10_000_000, end_serial=10**13)
    blocks = CountingBlocks()
    verifier = Verifier(NumberSpaces(FakeSeriesStore(series)), blocks.holding, lambda *_: True)
    chance = random.Random(20_240_101)
    refused = 0
    for _ in range(100_000):
        text = "MYID" + "".join(chance.choices(ROUTED.alphabet.characters, k=11))
        try:
            verifier.verify(completed(text))
        except NotIssuedError:
            refused += 1

    assert 100_000 == refused
    assert 0 == blocks.asked

    # The same verifier knows a real one.
    real = Format(ROUTED, series.key).encode(9_999_999, SHIPMENT)

    assert "issued" == verifier.verify(real).status
    assert 1 == blocks.asked
