"""The supply: leases what is wanted, believes what agrees with the witness, records, then adds."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.support.fakes import FakeObserver, FakeStore
from tracking_service.allocation import Allocator, Block, Mark, ReservePlan, Witness
from tracking_service.allocation.guarded_leases import TRIES, WitnessedLeases
from tracking_service.errors import (
    CounterWentBackwardsError,
    KeyChangedError,
    ReserveEmptyError,
    SeriesExhaustedError,
    StoreUnavailableError,
    UnknownSeriesError,
    WitnessError,
)
from tracking_service.instance.series import (
    BURST_SECONDS,
    EXHAUSTED_SECONDS,
    TROUBLE_SECONDS,
    Supply,
)

NAME = "0123abcd/default"


class Stocked:
    """A supply with all that it works on."""

    def __init__(self, folder: Path, store: FakeStore, *, reserve_seconds: float = 900.0) -> None:
        self.store = store
        self.witness = Witness(folder)
        self.observer = FakeObserver()
        self.allocator = Allocator("default", on_low=lambda: None, wait_seconds=0.0)
        self.supply = Supply(
            self.allocator,
            WitnessedLeases(
                "default",
                fingerprint="0123abcd",
                store=store,
                witness=self.witness,
                observer=self.observer,
            ),
            block_size=store.block_size,
            plan=ReservePlan(reserve_seconds),
            observer=self.observer,
        )


@pytest.fixture
def stocked(tmp_path: Path) -> Stocked:
    return Stocked(tmp_path, FakeStore())


def spend(allocator: Allocator, count: int) -> None:
    for _ in range(count):
        allocator.next()


def test_it_leases_one_block_at_first_and_no_more_while_that_is_enough(stocked: Stocked) -> None:
    assert stocked.supply.refill(0.0)
    assert not stocked.supply.refill(1.0)

    assert [1] == stocked.store.asked_blocks
    assert 100 == stocked.allocator.holding().left
    assert [("default", 100)] == stocked.observer.leases


def test_it_leases_for_the_rate_that_it_measured(stocked: Stocked) -> None:
    stocked.supply.refill(0.0)
    stocked.supply.sample(0.0)
    spend(stocked.allocator, 50)
    stocked.supply.sample(50.0)
    assert 1 == pytest.approx(stocked.supply.meter.rate)

    stocked.supply.refill(50.0)

    # 900 serials and a quarter more, of which 50 are there.
    assert [1, 11] == stocked.store.asked_blocks


def test_a_rate_that_rose_lets_the_allocator_call_in_time(stocked: Stocked) -> None:
    stocked.supply.refill(0.0)
    stocked.supply.sample(0.0)
    calls: list[int] = []
    stocked.allocator._on_low = lambda: calls.append(1)
    spend(stocked.allocator, 30)
    assert [] == calls

    stocked.supply.sample(30.0)
    spend(stocked.allocator, 1)

    assert [1] == calls


def test_a_burst_makes_the_next_lease_grow(stocked: Stocked) -> None:
    for now in range(5):
        stocked.supply.refill(float(now))
        spend(stocked.allocator, stocked.allocator.holding().left)

    assert [1, 2, 4, 8, 16] == stocked.store.asked_blocks


def test_what_lasted_longer_than_a_burst_does_not(stocked: Stocked) -> None:
    for attempt in range(4):
        stocked.supply.refill(attempt * BURST_SECONDS)
        spend(stocked.allocator, 100)

    assert [1, 1, 1, 1] == stocked.store.asked_blocks


def test_small_tails_are_no_burst(stocked: Stocked) -> None:
    stocked.store.counters["default"] = 1_000
    stocked.store.tails = [Block(start, start + 3) for start in range(0, 60, 6)]

    while stocked.supply.refill(0.0):
        pass

    assert [1] * 11 == stocked.store.asked_blocks
    assert 130 == stocked.allocator.holding().left


def test_a_scarce_series_stays_at_one_block(tmp_path: Path) -> None:
    stocked = Stocked(tmp_path, FakeStore(end=100_000))
    for now in range(5):
        stocked.supply.refill(float(now))
        spend(stocked.allocator, 100)

    assert stocked.supply.scarce
    assert [1] * 5 == stocked.store.asked_blocks


def test_the_mark_is_recorded_before_the_block_can_be_used(
    stocked: Stocked, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorded: list[tuple[str, Mark, int]] = []
    record = Witness.record

    def seen(witness: Witness, series: str, mark: Mark) -> None:
        recorded.append((series, mark, stocked.allocator.holding().left))
        record(witness, series, mark)

    monkeypatch.setattr(Witness, "record", seen)
    stocked.supply.refill(0.0)

    assert [(NAME, Mark(100, 1), 0)] == recorded
    assert Mark(100, 1) == stocked.witness.read(NAME)
    assert 100 == stocked.allocator.holding().left


def test_a_block_that_could_not_be_witnessed_is_not_used(
    stocked: Stocked, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: Any) -> None:
        raise WitnessError

    monkeypatch.setattr(Witness, "record", fails)

    for now in range(5):
        with pytest.raises(WitnessError):
            stocked.supply.refill(float(now))
        assert 0 == stocked.allocator.holding().left
    # Nor does it use the series up.
    assert [Block(0, 100)] == stocked.store.committed

    monkeypatch.undo()
    stocked.supply.refill(9.0)

    assert [Block(0, 100)] == stocked.store.committed
    assert Mark(100, 1) == stocked.witness.read(NAME)
    assert (Block(0, 100),) == stocked.allocator.holding().unspent


def test_a_block_that_was_never_witnessed_can_still_be_handed_back(
    stocked: Stocked, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: Any) -> None:
        raise WitnessError

    monkeypatch.setattr(Witness, "record", fails)
    with pytest.raises(WitnessError):
        stocked.supply.refill(0.0)

    assert (Block(0, 100),) == stocked.supply.close()


def test_nothing_is_leased_where_the_witness_cannot_be_read(
    stocked: Stocked, tmp_path: Path
) -> None:
    (tmp_path / "witness.json").write_text("damaged")

    with pytest.raises(WitnessError):
        stocked.supply.refill(0.0)

    assert [] == stocked.store.calls


def test_a_block_below_the_mark_is_refused_and_the_series_skipped_ahead(stocked: Stocked) -> None:
    stocked.witness.record(NAME, Mark(450, 0))

    stocked.supply.refill(0.0)

    assert ["lease", "skip_past", "lease"] == stocked.store.calls
    assert [("default", Mark(450, 0), Block(0, 100))] == stocked.store.skipped
    assert (Block(450, 550),) == stocked.allocator.holding().unspent
    assert ["default"] == stocked.observer.backwards
    assert Mark(550, 2) == stocked.witness.read(NAME)


def test_a_lease_number_that_was_given_before_is_refused(stocked: Stocked) -> None:
    stocked.witness.record(NAME, Mark(0, 5))

    stocked.supply.refill(0.0)

    assert [("default", Mark(0, 5), Block(0, 100))] == stocked.store.skipped
    assert (Block(100, 200),) == stocked.allocator.holding().unspent


def test_a_tail_below_the_mark_is_welcome(stocked: Stocked) -> None:
    stocked.witness.record(NAME, Mark(450, 0))
    stocked.store.tails = [Block(200, 290)]

    stocked.supply.refill(0.0)

    assert [] == stocked.store.skipped
    assert (Block(200, 290),) == stocked.allocator.holding().unspent
    assert Mark(450, 1) == stocked.witness.read(NAME)


def test_what_this_instance_was_given_it_knows_without_the_file(
    stocked: Stocked, tmp_path: Path
) -> None:
    stocked.supply.refill(0.0)
    spend(stocked.allocator, 100)
    (tmp_path / "witness.json").unlink()
    stocked.store.counters["default"] = 0

    stocked.supply.refill(100.0)

    assert [("default", Mark(100, 1), Block(0, 100))] == stocked.store.skipped
    assert (Block(100, 200),) == stocked.allocator.holding().unspent


def test_a_database_that_keeps_going_backwards_is_left_for_a_while(
    stocked: Stocked, monkeypatch: pytest.MonkeyPatch
) -> None:
    stocked.witness.record(NAME, Mark(450, 0))
    monkeypatch.setattr(stocked.store, "skip_past", lambda *_: None)

    assert stocked.supply.refill(0.0)
    assert not stocked.supply.refill(TROUBLE_SECONDS - 0.1)

    assert ["lease"] * TRIES == stocked.store.calls
    assert 0 == stocked.allocator.holding().left
    assert ["default"] * TRIES == stocked.observer.backwards
    assert isinstance(stocked.supply.error, CounterWentBackwardsError)
    assert stocked.supply.refill(TROUBLE_SECONDS)


@pytest.mark.parametrize("error", [KeyChangedError(), UnknownSeriesError("default")])
def test_what_is_wrong_with_one_series_is_kept_until_it_is_mended(
    stocked: Stocked, error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    stocked.supply.refill(0.0)
    stocked.allocator.take(100)
    stocked.store.failure = error
    for now in (1.0, 1.0 + TROUBLE_SECONDS):
        assert stocked.supply.refill(now)

    assert error is stocked.supply.error
    assert ["leasing failed for one series; it is tried again until it succeeds"] == caplog.messages
    with pytest.raises(ReserveEmptyError):
        stocked.allocator.next()

    stocked.store.failure = None
    stocked.supply.refill(1.0 + 2 * TROUBLE_SECONDS)

    assert None is stocked.supply.error
    assert 100 == stocked.allocator.next()


def test_it_leases_for_the_key_that_it_writes_with(stocked: Stocked) -> None:
    stocked.supply.refill(0.0)

    assert {"0123abcd"} == stocked.store.fingerprints


def test_a_lease_takes_a_small_part_of_what_is_left(tmp_path: Path) -> None:
    """However much is wanted: a failover that forgets it must skip far more."""
    store = FakeStore(end=100 * 1_000_000)
    stocked = Stocked(tmp_path, store)
    stocked.supply.refill(0.0)
    stocked.supply.sample(0.0)
    stocked.allocator.take(100)
    stocked.supply.meter.sample(10_000_000, 10.0)
    while stocked.supply.refill(20.0):
        pass

    assert 1_000_000 / 1000 >= max(store.asked_blocks) > 900
    assert stocked.allocator.holding().left > 90_000_000 // 2


def test_a_failover_that_a_lease_tells_of_is_told_on(
    stocked: Stocked, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    lease = stocked.store.lease
    monkeypatch.setattr(
        stocked.store,
        "lease",
        lambda *asked, **named: replace(lease(*asked, **named), new_timeline=True),
    )

    stocked.supply.refill(0.0)

    assert ["default"] == stocked.observer.timelines
    assert (Block(0, 100),) == stocked.allocator.holding().unspent
    assert ["the database writes another history: the series was skipped ahead"] == caplog.messages


def test_a_block_whose_commit_is_unknown_is_never_handed_out(stocked: Stocked) -> None:
    stocked.store.lost_acknowledgement = StoreUnavailableError("the line was cut")
    with pytest.raises(StoreUnavailableError):
        stocked.supply.refill(0.0)
    stocked.store.lost_acknowledgement = None

    stocked.supply.refill(1.0)

    assert [Block(0, 100), Block(100, 200)] == stocked.store.committed
    assert (Block(100, 200),) == stocked.allocator.holding().unspent


def test_an_exhausted_series_is_asked_again_only_after_a_while(tmp_path: Path) -> None:
    stocked = Stocked(tmp_path, FakeStore(end=100))
    stocked.supply.refill(0.0)
    spend(stocked.allocator, 100)
    assert stocked.supply.refill(1.0)
    assert isinstance(stocked.allocator.trouble, SeriesExhaustedError)
    assert 0 == stocked.supply.remaining
    assert [SeriesExhaustedError] == [type(each) for each in stocked.observer.failures]
    asked = len(stocked.store.calls)

    assert not stocked.supply.refill(1.0 + EXHAUSTED_SECONDS - 0.001)
    assert asked == len(stocked.store.calls)
    with pytest.raises(SeriesExhaustedError):
        stocked.allocator.next()

    stocked.store.tails = [Block(20, 90)]
    assert stocked.supply.refill(1.0 + EXHAUSTED_SECONDS)
    assert 20 == stocked.allocator.next()


def test_a_closed_allocator_is_not_leased_for(stocked: Stocked) -> None:
    stocked.supply.refill(0.0)
    stocked.supply.close()

    assert not stocked.supply.refill(100.0)
    assert [1] == stocked.store.asked_blocks


def test_closing_amid_a_lease_takes_no_second_one_and_loses_none(
    stocked: Stocked, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = Witness.record

    def close_meanwhile(witness: Witness, series: str, mark: Mark) -> None:
        stocked.allocator.close()
        record(witness, series, mark)

    monkeypatch.setattr(Witness, "record", close_meanwhile)

    assert stocked.supply.refill(0.0)

    assert [Block(0, 100)] == stocked.store.committed
    assert (Block(0, 100),) == stocked.supply.close()
