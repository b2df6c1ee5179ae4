"""Verifying: a number back to its series, its block, and whether it was issued."""

from datetime import UTC, datetime

import pytest

from tests.support.fakes import FakeSeries, FakeSeriesStore
from tests.support.numbers import completed
from tracking_service.errors import (
    CheckCharacterError,
    KeyChangedError,
    MalformedNumberError,
    NotIssuedError,
    StoreUnavailableError,
)
from tracking_service.instance.number_spaces import NumberSpaces
from tracking_service.numbering import Shipment
from tracking_service.records import LeasedBlock
from tracking_service.services.verify import Verifier

LEASED_AT = datetime(2024, 1, 1, 12, tzinfo=UTC)
SHIPMENT = Shipment("MY", "ID")
SERIES = [
    FakeSeries("default", first_serial=0, next_serial=200, end_serial=1_000),
    FakeSeries("gifts", first_serial=1_000, next_serial=1_100, end_serial=2_000),
]


def block(state: str) -> LeasedBlock:
    return LeasedBlock(7, "default", 0, 200, state, "host:1:0", LEASED_AT, None)


class FakeBlocks:
    """One block for every serial, and a note of what was asked."""

    def __init__(self, block: LeasedBlock | None) -> None:
        self.block = block
        self.asked: list[tuple[str, int]] = []
        self.failure: Exception | None = None

    def holding(self, series: str, serial: int) -> LeasedBlock | None:
        self.asked.append((series, serial))
        if self.failure is not None:
            raise self.failure
        return self.block


class Verified:
    """A verifier and what it asks."""

    def __init__(self, state: str | None = "leased", *, spent: bool = False) -> None:
        self.series_store = FakeSeriesStore(*SERIES)
        self.spaces = NumberSpaces(self.series_store)
        self.format = self.spaces.get(SERIES[0]).format
        self.blocks = FakeBlocks(None if state is None else block(state))
        self.asked_spent: list[tuple[str, int, str]] = []
        self._spent = spent
        self.verifier = Verifier(self.spaces, self.blocks.holding, self.has_spent)

    def has_spent(self, series: str, serial: int, instance: str) -> bool:
        self.asked_spent.append((series, serial, instance))
        return self._spent

    def number(self, serial: int) -> str:
        return self.format.encode(serial, SHIPMENT)


def test_a_number_of_a_block_spent_whole_was_issued() -> None:
    verified = Verified("spent")
    number = verified.number(150)

    answer = verified.verifier.verify(number)

    assert "issued" == answer.status
    assert (number, "default", "MY", "ID", LEASED_AT) == (
        answer.tracking_number,
        answer.series,
        answer.origin_country_id,
        answer.destination_country_id,
        answer.leased_at,
    )
    assert [("default", 150)] == verified.blocks.asked


@pytest.mark.parametrize("spent, status", [(True, "issued"), (False, "reserved")])
def test_of_a_leased_block_only_its_own_instance_knows(spent: bool, status: str) -> None:
    verified = Verified("leased", spent=spent)

    assert status == verified.verifier.verify(verified.number(150)).status
    assert [("default", 150, "host:1:0")] == verified.asked_spent


def test_what_was_skipped_is_reserved_whatever_an_instance_says() -> None:
    verified = Verified("skipped", spent=True)

    assert "reserved" == verified.verifier.verify(verified.number(150)).status


@pytest.mark.parametrize("state", ["returned", None])
def test_a_tail_that_went_back_and_a_serial_of_no_block_were_never_issued(
    state: str | None,
) -> None:
    verified = Verified(state)

    with pytest.raises(NotIssuedError):
        verified.verifier.verify(verified.number(150))


@pytest.mark.parametrize("serial", [200, 999, 1_100, 1_999, 2_000, 10**13])
def test_a_serial_beyond_its_series_counter_was_never_issued(serial: int) -> None:
    verified = Verified("spent")

    with pytest.raises(NotIssuedError):
        verified.verifier.verify(verified.number(serial))
    assert [] == verified.blocks.asked


@pytest.mark.parametrize(
    "serial, series", [(0, "default"), (199, "default"), (1_000, "gifts"), (1_099, "gifts")]
)
def test_the_serial_tells_the_series(serial: int, series: str) -> None:
    verified = Verified("spent")

    assert series == verified.verifier.verify(verified.number(serial)).series


def test_a_number_is_read_as_people_type_it_and_told_plainly() -> None:
    verified = Verified("spent")
    number = verified.number(150)
    typed = f" {number[:4].lower()}-{number[4:10]} {number[10:].lower()} "

    assert number == verified.verifier.verify(typed).tracking_number


def test_an_altered_prefix_was_never_issued() -> None:
    verified = Verified("spent")
    serial = 150
    other = verified.format.encode(serial, Shipment("MY", "SG"))
    assert serial == verified.format.decode(other).serial
    body = verified.number(serial)[4:15]
    with pytest.raises(NotIssuedError):
        # The same body under another prefix, with a check character that fits.
        verified.verifier.verify(completed(f"MYSG{body}"))


def test_a_slip_of_the_hand_looks_like_one() -> None:
    verified = Verified("spent")
    number = verified.number(150)
    slip = number[:-1] + ("0" if number[-1] != "0" else "1")

    with pytest.raises(CheckCharacterError) as caught:
        verified.verifier.verify(slip)

    assert caught.value.likely_typo
    assert [] == verified.blocks.asked


def test_a_wrong_number_that_no_slip_explains_does_not() -> None:
    verified = Verified("spent")
    number = verified.number(10**13)
    wrong = number[:-1] + ("0" if number[-1] != "0" else "1")

    with pytest.raises(CheckCharacterError) as caught:
        verified.verifier.verify(wrong)

    assert not caught.value.likely_typo


@pytest.mark.parametrize("text", ["", "MYID", "MYID7K2M0QX4C9TÜ", "RA473124829MY-X", "!"])
def test_what_has_no_shape_is_malformed(text: str) -> None:
    with pytest.raises(MalformedNumberError):
        Verified().verifier.verify(text)


def test_a_number_that_no_series_writes_is_malformed() -> None:
    with pytest.raises(MalformedNumberError, match="no series of this service"):
        Verified().verifier.verify("RA473124829MY")


def test_whether_a_series_writes_it_is_not_known_without_the_database() -> None:
    verified = Verified()
    verified.series_store.failure = StoreUnavailableError()

    with pytest.raises(StoreUnavailableError):
        verified.verifier.verify("RA473124829MY")


def test_a_key_that_changed_reads_no_number() -> None:
    verified = Verified("spent")
    verified.series_store.series = {"default": FakeSeries("default", key=b"k" * 32)}

    with pytest.raises(KeyChangedError):
        verified.verifier.verify(verified.number(150))


def test_a_database_that_is_away_is_told() -> None:
    verified = Verified("spent")
    verified.blocks.failure = StoreUnavailableError()

    with pytest.raises(StoreUnavailableError):
        verified.verifier.verify(verified.number(150))


def test_an_operator_is_told_the_serial_and_the_block() -> None:
    verified = Verified("spent")

    traced = verified.verifier.trace(verified.number(150))

    assert (150, "default", 7) == (traced.decoded.serial, traced.series, traced.block.id)


def test_a_number_that_is_none_is_told_so_while_the_database_is_away() -> None:
    verified = Verified()
    verified.series_store.failure = StoreUnavailableError()
    number = verified.number(150)
    last = "A" if number[-1] != "A" else "B"

    with pytest.raises(CheckCharacterError) as caught:
        verified.verifier.verify(number[:-1] + last)

    assert not caught.value.likely_typo
