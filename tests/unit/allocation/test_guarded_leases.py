"""Leases beside high-water marks: which are believed, which are refused, and what follows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from errno import ENOSPC
from pathlib import Path
from typing import Any

import pytest

from tests.support.fakes import FakeObserver, FakeStore
from tracking_service.allocation import (
    Block,
    GuardedLeases,
    HighWaterMark,
    HighWaterMarks,
    Lease,
)
from tracking_service.allocation.disk import Disk
from tracking_service.allocation.guarded_leases import REFUSALS
from tracking_service.allocation.high_water_marks import RECORDED_MOST
from tracking_service.errors import (
    CounterWentBackwardsError,
    HighWaterMarkError,
    ImpossibleMarkError,
)

NAME = "0123abcd/default"
END = 10**12


class Guarded:
    """Leases of one instance, with all that they work on."""

    def __init__(self, folder: Path, *, store: FakeStore | None = None, by: str = "host:1:a"):
        self.store = store or FakeStore(end=END)
        self.marks = HighWaterMarks(folder)
        self.observer = FakeObserver()
        self.leases = GuardedLeases(
            "default",
            fingerprint="0123abcd",
            end_serial=END,
            instance=by,
            store=self.store,
            marks=self.marks,
            observer=self.observer,
        )

    def lease(self) -> Block:
        return self.leases.lease(1).block

    def know(self, end: int, number: int) -> None:
        """Let the file know of a lease that another instance was given."""
        known = Lease(Block(end - 1, end), number, None, 0, 0)
        self.marks.record(NAME, known, instance="host:9:z", since=self.marks.read(NAME))

    @property
    def path(self) -> Path:
        return self.marks.path(NAME)

    @property
    def mark(self) -> HighWaterMark:
        return self.marks.read(NAME).mark


@pytest.fixture
def guarded(tmp_path: Path) -> Guarded:
    return Guarded(tmp_path)


@pytest.fixture
def during_lease(
    monkeypatch: pytest.MonkeyPatch,
) -> Callable[[FakeStore, Callable[[], object]], None]:
    """Lets something happen once, after a lease was committed and before it is recorded."""

    def set_up(store: FakeStore, happens: Callable[[], object]) -> None:
        lease = store.lease

        def leased(*asked: Any, **named: Any) -> Lease:
            monkeypatch.setattr(store, "lease", lease)
            given = lease(*asked, **named)
            happens()
            return given

        monkeypatch.setattr(store, "lease", leased)

    return set_up


def test_it_leases_for_the_key_that_its_serials_are_written_with(guarded: Guarded) -> None:
    guarded.lease()

    assert {"0123abcd"} == guarded.store.fingerprints


def test_a_lease_is_recorded_before_it_is_returned(
    guarded: Guarded, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: Any, **__: Any) -> None:
        raise HighWaterMarkError

    with monkeypatch.context() as patched:
        patched.setattr(HighWaterMarks, "record", fails)
        for _ in range(5):
            with pytest.raises(HighWaterMarkError):
                guarded.lease()
        # Kept aside: a file that cannot be written does not use the series up.
        assert [Block(0, 100)] == guarded.store.committed

    assert Block(0, 100) == guarded.lease()
    assert [Block(0, 100)] == guarded.store.committed
    assert () == guarded.leases.close()
    assert HighWaterMark(100, 1) == guarded.mark


def test_a_block_that_cannot_be_recorded_is_handed_back_unless_the_marks_cannot_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: Any, **__: Any) -> None:
        raise HighWaterMarkError

    monkeypatch.setattr(HighWaterMarks, "record", fails)
    leasing = [Guarded(tmp_path), Guarded(tmp_path)]
    for guarded in leasing:
        with pytest.raises(HighWaterMarkError):
            guarded.lease()

    readable, other = leasing
    assert (Block(0, 100),) == readable.leases.close() == readable.leases.close()
    monkeypatch.setattr(HighWaterMarks, "recorded_since", fails)
    assert () == other.leases.close()
    assert ([], [Block(0, 100)]) == (readable.store.left_out, other.store.left_out)


def test_nothing_is_leased_where_the_marks_cannot_be_read(guarded: Guarded) -> None:
    guarded.path.parent.mkdir()
    guarded.path.write_text("damaged")

    with pytest.raises(HighWaterMarkError):
        guarded.lease()

    assert [] == guarded.store.calls


def test_a_block_below_the_mark_is_refused_and_the_series_skipped_ahead(
    guarded: Guarded, caplog: pytest.LogCaptureFixture
) -> None:
    guarded.know(450, 0)

    assert Block(450, 550) == guarded.lease()

    assert ["lease", "skip_past", "lease"] == guarded.store.calls
    assert [("default", HighWaterMark(450, 0), Block(0, 100))] == guarded.store.skipped
    assert [Block(0, 100)] == guarded.store.left_out
    assert ["default"] == guarded.observer.backwards
    assert HighWaterMark(550, 2) == guarded.mark
    [record] = caplog.records
    assert "serials" == vars(record)["went_back"]


def test_a_lease_number_that_was_given_before_is_refused_and_named(
    guarded: Guarded, caplog: pytest.LogCaptureFixture
) -> None:
    guarded.know(1, 5)
    guarded.store.counters["default"] = 200

    assert Block(300, 400) == guarded.lease()

    assert [("default", HighWaterMark(1, 5), Block(200, 300))] == guarded.store.skipped
    [record] = caplog.records
    facts = vars(record)
    assert "CRITICAL" == record.levelname
    assert ("lease number", 1, 5) == (
        facts["went_back"],
        facts["refused_lease_number"],
        facts["known_lease_number"],
    )


def test_a_tail_below_the_mark_is_welcome(guarded: Guarded) -> None:
    guarded.know(450, 0)
    guarded.store.tails = [Block(200, 290)]

    assert Block(200, 290) == guarded.lease()
    assert [] == guarded.store.skipped
    assert HighWaterMark(450, 1) == guarded.mark


@pytest.mark.parametrize("tail", [Block(0, 100), Block(99, 101), Block(50, 60)])
def test_a_tail_with_serials_that_this_instance_was_given_is_refused(
    guarded: Guarded, tail: Block, caplog: pytest.LogCaptureFixture
) -> None:
    """Another history leased them to somebody else, who handed them back."""
    guarded.lease()
    guarded.store.tails = [tail]

    assert Block(100, 200) == guarded.lease()

    assert [tail] == guarded.store.left_out
    assert [("default", HighWaterMark(100, 1), tail)] == guarded.store.skipped
    [record] = caplog.records
    assert "own serials" == vars(record)["went_back"]


def test_a_tail_beside_what_this_instance_was_given_is_welcome(guarded: Guarded) -> None:
    guarded.lease()
    guarded.store.counters["default"] = 200
    guarded.store.tails = [Block(100, 150)]

    assert Block(100, 150) == guarded.lease()
    assert [] == guarded.store.skipped


def test_what_this_instance_was_given_it_knows_without_the_file(guarded: Guarded) -> None:
    guarded.lease()
    guarded.path.unlink()
    guarded.store.counters["default"] = 0

    assert Block(100, 200) == guarded.lease()
    assert [("default", HighWaterMark(100, 1), Block(0, 100))] == guarded.store.skipped


def test_a_database_that_keeps_going_backwards_is_given_up(
    guarded: Guarded, monkeypatch: pytest.MonkeyPatch
) -> None:
    guarded.know(450, 0)
    monkeypatch.setattr(guarded.store, "skip_past", lambda *_: None)

    with pytest.raises(CounterWentBackwardsError):
        guarded.lease()

    assert ["lease"] * REFUSALS == guarded.store.calls
    assert ["default"] * REFUSALS == guarded.observer.backwards


def test_a_mark_beyond_the_series_leases_and_skips_nothing_and_says_what_to_do(
    guarded: Guarded, tmp_path: Path
) -> None:
    """One bad mark would use ten trillion serials up for ever."""
    guarded.know(END + 1, 1)

    with pytest.raises(ImpossibleMarkError) as caught:
        guarded.lease()

    assert [] == guarded.store.calls
    for what in (str(guarded.path), NAME, str(END + 1), str(END), "take the entry"):
        assert what in str(caught.value)
    assert str(tmp_path) not in caught.value.public_message


def test_a_mark_at_the_very_end_of_the_series_is_possible(guarded: Guarded) -> None:
    guarded.know(END, 1)
    guarded.store.tails = [Block(200, 290)]
    guarded.store.lease_count = 1

    assert Block(200, 290) == guarded.lease()


def test_a_failover_that_a_lease_tells_of_is_told_on(
    guarded: Guarded, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    lease = guarded.store.lease
    monkeypatch.setattr(
        guarded.store,
        "lease",
        lambda *asked, **named: replace(lease(*asked, **named), new_timeline=True),
    )

    assert Block(0, 100) == guarded.lease()
    assert ["default"] == guarded.observer.timelines
    assert ["the database writes another history: the series was skipped ahead"] == caplog.messages


def test_neighbours_that_lease_at_the_same_time_raise_no_alarm(
    tmp_path: Path,
    guarded: Guarded,
    during_lease: Callable[[FakeStore, Callable[[], object]], None],
) -> None:
    neighbour = Guarded(tmp_path, store=guarded.store, by="host:2:b")
    during_lease(guarded.store, neighbour.lease)

    assert Block(0, 100) == guarded.lease()
    assert HighWaterMark(200, 2) == guarded.mark
    assert [] == guarded.observer.backwards + neighbour.observer.backwards


@pytest.mark.parametrize("count, behind", [(0, 0), (7, 0), (0, 50), (3, -50)])
def test_a_second_history_is_refused_though_both_lease_at_the_same_time(
    tmp_path: Path,
    guarded: Guarded,
    during_lease: Callable[[FakeStore, Callable[[], object]], None],
    caplog: pytest.LogCaptureFixture,
    count: int,
    behind: int,
) -> None:
    """Both have read the mark before either recorded; also where lease numbers went past each other."""
    for store in (guarded.store, other := FakeStore(end=END)):
        store.counters["default"] = 200
    other.lease_count, other.counters["default"] = count, 200 - behind
    second = Guarded(tmp_path, store=other, by="host:2:b")
    given: list[Block] = []
    during_lease(guarded.store, lambda: given.append(second.lease()))

    given.append(guarded.lease())

    assert 2 == len(given)
    first, mine = sorted(given, key=lambda block: block.start)
    assert first.end <= mine.start
    assert ["default"] == guarded.observer.backwards
    assert "two living histories" in caplog.text
    facts = vars(caplog.records[0])
    assert ("host:2:b", 200) == (facts["other_instance"], facts["refused_start"])


def test_a_block_that_a_second_history_has_too_is_not_handed_back_where_its_record_failed(
    tmp_path: Path,
    guarded: Guarded,
    during_lease: Callable[[FakeStore, Callable[[], object]], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The file has the lease, but it was compared with no other: its tail would pass for unspent."""
    guarded.store.lease_count = 1
    second = Guarded(tmp_path, by="host:2:b")
    given: list[Block] = []

    def no_space(*_: Any) -> None:
        raise OSError(ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:

        def meanwhile() -> None:
            given.append(second.lease())
            # What a lease does last: its file has been replaced by then.
            patched.setattr(Disk, "remove", no_space)

        during_lease(guarded.store, meanwhile)
        with pytest.raises(HighWaterMarkError):
            guarded.lease()
    unspent = guarded.leases.close()
    guarded.leases.record_hand_back(unspent)
    assert ((), [Block(0, 100)]) == (guarded.leases.close(), guarded.store.left_out)

    third = Guarded(tmp_path, store=guarded.store, by="host:3:c")
    guarded.store.tails, guarded.store.returned_by = list(unspent), "host:1:a"
    given.append(third.lease())

    assert [Block(0, 100), Block(100, 200)] == given


def test_a_refused_block_is_left_out_though_the_marks_cannot_be_read_then(
    tmp_path: Path,
    guarded: Guarded,
    during_lease: Callable[[FakeStore, Callable[[], object]], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What was not handed out is never to count as spent."""
    second = Guarded(tmp_path, store=FakeStore(end=END), by="host:2:b")

    def happens() -> None:
        second.lease()

        def fails(*_: Any) -> None:
            raise HighWaterMarkError

        monkeypatch.setattr(guarded.marks, "read", fails)

    during_lease(guarded.store, happens)
    with pytest.raises(HighWaterMarkError):
        guarded.lease()

    assert [Block(0, 100)] == guarded.store.left_out
    assert not guarded.leases.close()


def test_a_tail_that_another_leased_meanwhile_is_left_out_without_an_alarm(
    tmp_path: Path,
    guarded: Guarded,
    during_lease: Callable[[FakeStore, Callable[[], object]], None],
) -> None:
    """It may have been leased, handed back and leased again while this one waited, or not."""
    guarded.store.tails = [Block(200, 290)]
    guarded.store.lease_count = 5
    guarded.store.counters["default"] = 1_000
    other = FakeStore(end=END)
    other.tails = [Block(200, 290)]
    other.lease_count = 4
    second = Guarded(tmp_path, store=other, by="host:2:b")
    given: list[Block] = []
    during_lease(guarded.store, lambda: given.append(second.lease()))

    assert Block(1_000, 1_100) == guarded.lease()
    assert [Block(200, 290)] == given == guarded.store.left_out
    assert [] == guarded.observer.backwards


def test_a_lease_that_cannot_be_compared_with_all_others_is_left_out(
    guarded: Guarded, during_lease: Callable[[FakeStore, Callable[[], object]], None]
) -> None:
    def many() -> None:
        for number in range(10, 11 + RECORDED_MOST):
            guarded.know(1, number)
        guarded.store.lease_count = 1_000

    during_lease(guarded.store, many)

    assert Block(100, 200) == guarded.lease()
    assert [] == guarded.observer.backwards


def test_a_tail_that_a_neighbour_handed_back_is_welcome(tmp_path: Path, guarded: Guarded) -> None:
    neighbour = Guarded(tmp_path, store=guarded.store, by=guarded.store.returned_by)
    neighbour.lease()
    guarded.store.tails = [Block(60, 100)]

    assert Block(60, 100) == guarded.lease()
    assert [] == guarded.store.left_out


def test_a_tail_that_was_leased_after_it_was_handed_back_is_left_out(
    tmp_path: Path, guarded: Guarded, caplog: pytest.LogCaptureFixture
) -> None:
    """In another copy of the database, or by an instance of another host that handed it back too."""
    store = guarded.store
    for by in (store.returned_by, "host:2:b"):
        neighbour = Guarded(tmp_path, store=store, by=by)
        store.tails = [Block(200, 290)]
        neighbour.lease()
    store.tails = [Block(0, 60), Block(289, 290), Block(200, 210)]

    assert Block(0, 60) == guarded.lease()
    assert [Block(200, 210), Block(289, 290)] == store.left_out
    assert [] == store.skipped + guarded.observer.backwards
    assert {"a block in doubt is left out"} == set(caplog.messages)
    facts = vars(caplog.records[0])
    assert ("host:2:b", store.returned_by) == (facts["leased_by"], facts["returned_by"])


def test_a_tail_that_an_instance_of_another_host_leased_in_between_is_welcome(
    tmp_path: Path, guarded: Guarded
) -> None:
    """A neighbour handed it back, and somebody whom this folder does not know has leased it since."""
    neighbour = Guarded(tmp_path, store=guarded.store, by="host:2:b")
    neighbour.lease()
    neighbour.leases.record_hand_back([Block(20, 100)])
    guarded.store.lease_count += 1
    guarded.store.tails = [Block(30, 100)]

    assert Block(30, 100) == guarded.lease()
    assert [] == guarded.store.left_out


def test_a_hand_back_that_cannot_be_recorded_is_logged(
    guarded: Guarded, caplog: pytest.LogCaptureFixture
) -> None:
    guarded.lease()
    guarded.path.write_text("damaged")
    guarded.leases.record_hand_back([Block(20, 100)])

    assert ["it is not recorded which serials were handed back"] == caplog.messages
    assert "WARNING" == caplog.records[0].levelname


def test_however_many_tails_are_in_doubt_a_block_is_leased(
    tmp_path: Path, guarded: Guarded
) -> None:
    guarded.store.tails = [Block(0, 50)]
    Guarded(tmp_path, store=guarded.store, by="host:2:b").lease()
    guarded.store.tails = [Block(start, start + 1) for start in range(50)]
    guarded.store.counters["default"] = 100

    assert Block(100, 200) == guarded.lease()
