"""The files of high-water marks: whole, on the disk before they are believed, never guessed at."""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from errno import ENOSPC
from pathlib import Path
from subprocess import PIPE, Popen

import pytest

from tests.support.commands import ROOT
from tests.support.fakes import InThreads
from tracking_service.allocation import (
    Block,
    Disk,
    HighWaterMark,
    HighWaterMarks,
    Lease,
    RecordedLease,
)
from tracking_service.allocation.high_water_marks import FOLDER, FORMER_FILES, RECORDED_MOST
from tracking_service.errors import HighWaterMarkError

ME, OTHER = "host:1:aa", "host:2:bb"
SERIES, OTHER_SERIES = "0123abcd/default", "0123abcd/other"


@pytest.fixture
def marks(tmp_path: Path) -> HighWaterMarks:
    return HighWaterMarks(tmp_path)


def lease(end: int, number: int) -> Lease:
    return Lease(Block(end - 1, end), number, None, remaining=10**6, block_id=number)


def record(
    marks: HighWaterMarks, end: int, number: int, *, series: str = SERIES, by: str = ME
) -> list[RecordedLease] | None:
    """Record a lease that was made right now."""
    return marks.record(series, lease(end, number), instance=by, since=marks.read(series))


def mark(marks: HighWaterMarks | Path, series: str = SERIES) -> HighWaterMark:
    file = HighWaterMarks(marks) if isinstance(marks, Path) else marks
    return file.read(series).mark


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Keep the lock of a file, which nobody may have, as a neighbour does that is stopped."""
    with path.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield


def test_a_series_that_was_never_seen_has_the_lowest_mark(marks: HighWaterMarks) -> None:
    assert HighWaterMark() == mark(marks)


def test_a_mark_survives_a_restart(tmp_path: Path) -> None:
    record(HighWaterMarks(tmp_path), 500, 7)

    assert HighWaterMark(500, 7) == mark(tmp_path)
    assert ["default.0123abcd.json", "default.0123abcd.lock"] == sorted(
        path.name for path in (tmp_path / FOLDER).iterdir()
    )


def test_each_series_has_its_own(marks: HighWaterMarks) -> None:
    record(marks, 500, 7)
    record(marks, 3, 9, series=OTHER_SERIES)

    assert (HighWaterMark(500, 7), HighWaterMark(3, 9)) == (mark(marks), mark(marks, OTHER_SERIES))


def test_a_mark_is_only_ever_raised_each_way(marks: HighWaterMarks) -> None:
    for end, number in ((500, 7), (400, 9), (600, 1)):
        record(marks, end, number)

    assert HighWaterMark(600, 9) == mark(marks)


def test_a_folder_that_is_missing_is_made(tmp_path: Path) -> None:
    folder = tmp_path / "state" / "of" / "this"
    marks = HighWaterMarks(folder)
    assert HighWaterMark() == mark(marks)
    assert not folder.exists()

    record(marks, 500, 7)

    assert HighWaterMark(500, 7) == mark(folder)


def test_leases_that_neighbours_recorded_since_the_reading_are_told(
    marks: HighWaterMarks,
) -> None:
    record(marks, 100, 1, by=OTHER)
    reading = marks.read(SERIES)
    record(marks, 200, 2, by=OTHER)
    record(marks, 300, 3)
    record(marks, 300, 3, series=OTHER_SERIES, by=OTHER)

    found = marks.record(SERIES, lease(400, 4), instance=ME, since=reading)

    assert [RecordedLease(2, 199, 200, OTHER)] == found


def test_with_nothing_recorded_since_there_is_nothing_to_tell(marks: HighWaterMarks) -> None:
    assert [[], []] == [record(marks, 100, 1, by=OTHER), record(marks, 200, 2)]


def test_more_than_it_remembers_is_told_as_such(marks: HighWaterMarks) -> None:
    reading = marks.read(SERIES)
    for number in range(1, RECORDED_MOST + 1):
        record(marks, number, number, by=OTHER)

    assert None is marks.record(SERIES, lease(9_999, 9_999), instance=ME, since=reading)


def test_a_file_that_was_taken_away_meanwhile_is_told_as_such(marks: HighWaterMarks) -> None:
    record(marks, 100, 1, by=OTHER)
    record(marks, 200, 2, by=OTHER)
    reading = marks.read(SERIES)
    marks.path(SERIES).unlink()

    assert None is marks.record(SERIES, lease(300, 3), instance=ME, since=reading)


DAMAGED = [
    "",
    "{",
    "[]",
    "null",
    "{}",
    '{"series": []}',
    '{"series": null}',
    '{"series": {"default": 500}}',
    '{"series": {"default": [500]}}',
    '{"series": {"default": [500, 7, 1]}}',
    '{"series": {"default": ["500", "7"]}}',
    '{"series": {"default": [500.5, 7]}}',
    '{"series": {"default": [500, null]}}',
    '{"series": {"default": [true, 7]}}',
    '{"series": {"default": [500, -7]}}',
    '{"series": {}, "recorded": -1}',
    '{"series": {"other": "ab"}}',
    '{"series": {"default": [500, 7]}',
    '{"series": {"default": [500, 7]}}é',
    '{"series": {}, "leases": [["default", 1, 2]]}',
    '{"series": {}, "leases": [["default", 1, 2, "3", "host:1:0"]]}',
    '{"series": {}, "leases": 1}',
    '{"series": {}, "recorded": "1"}',
    pytest.param("[" * 100_000, id="nested"),
]


@pytest.mark.parametrize("text", DAMAGED)
@pytest.mark.parametrize(
    "name", [f"{FOLDER}/default.0123abcd.json", *FORMER_FILES, f"{FOLDER}/{FORMER_FILES[0]}"]
)
def test_a_damaged_file_is_refused_and_left_as_it_is(
    tmp_path: Path, marks: HighWaterMarks, name: str, text: str
) -> None:
    reading = marks.read(SERIES)
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, encoding="utf-8")

    with pytest.raises(HighWaterMarkError, match=name):
        marks.read(SERIES)
    with pytest.raises(HighWaterMarkError, match=name):
        marks.record(SERIES, lease(500, 7), instance=ME, since=reading)
    assert text == path.read_text(encoding="utf-8")


def test_a_folder_that_cannot_be_used_is_refused(tmp_path: Path) -> None:
    # A file in its place: a folder without write permission does not stop root.
    (tmp_path / "elsewhere").mkdir()
    reading = HighWaterMarks(tmp_path / "elsewhere").read(SERIES)
    (tmp_path / "state").write_text("")
    marks = HighWaterMarks(tmp_path / "state")

    with pytest.raises(HighWaterMarkError, match="high-water-marks"):
        marks.record(SERIES, lease(500, 7), instance=ME, since=reading)
    with pytest.raises(HighWaterMarkError, match="high-water-marks"):
        marks.read(SERIES)


def test_a_folder_in_the_files_place_is_refused(marks: HighWaterMarks) -> None:
    marks.path(SERIES).mkdir(parents=True)

    with pytest.raises(HighWaterMarkError):
        marks.read(SERIES)


def test_a_file_in_the_place_of_a_folder_of_files_is_refused(marks: HighWaterMarks) -> None:
    """As a folder is that may not be read, which does not stop root: it may hold marks."""
    record(marks, 500, 7)
    marks.path(SERIES).with_suffix("").write_text("")

    with pytest.raises(HighWaterMarkError, match="cannot be read"):
        marks.read(SERIES)


def test_a_moved_link_that_leads_nowhere_is_refused(tmp_path: Path, marks: HighWaterMarks) -> None:
    """A relative link leads elsewhere once it is moved, and what it had is not forgotten."""
    (tmp_path / FOLDER).mkdir()
    (tmp_path / FOLDER / FORMER_FILES[0]).symlink_to("../kept/marks.json")

    with pytest.raises(HighWaterMarkError, match="cannot be read"):
        marks.read(SERIES)


def test_a_link_to_itself_is_refused(tmp_path: Path, marks: HighWaterMarks) -> None:
    (tmp_path / FORMER_FILES[0]).symlink_to(FORMER_FILES[0])

    with pytest.raises(HighWaterMarkError, match="cannot be read"):
        marks.read(SERIES)


def test_a_disk_that_fails_is_told_and_leaves_the_old_file(
    tmp_path: Path, marks: HighWaterMarks, monkeypatch: pytest.MonkeyPatch
) -> None:
    record(marks, 500, 7)

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)

    with pytest.raises(HighWaterMarkError, match="No space left"):
        record(marks, 600, 8)
    assert HighWaterMark(500, 7) == mark(tmp_path)


@pytest.mark.parametrize("before", [(1, 1), (9_999, 99)])
def test_on_return_it_has_reached_the_disk_and_so_has_its_name(
    marks: HighWaterMarks, monkeypatch: pytest.MonkeyPatch, before: tuple[int, int]
) -> None:
    record(marks, *before)
    expected = [max(500, before[0]), max(7, before[1])]
    events: list[str] = []
    fsync, replace = os.fsync, Path.replace

    def seen_fsync(file: int) -> None:
        path = Path(f"/proc/self/fd/{file}").readlink()
        if path.is_dir():
            events.append("fsync of the folder")
        else:
            assert {SERIES: expected} == json.loads(path.read_text())["series"]
            events.append(f"fsync of {path.name}")
        fsync(file)

    def seen_replace(path: Path, target: Path) -> Path:
        events.append(f"{path.name} becomes {target.name}")
        return replace(path, target)

    monkeypatch.setattr(os, "fsync", seen_fsync)
    monkeypatch.setattr(Path, "replace", seen_replace)
    record(marks, 500, 7)

    assert [
        "fsync of default.0123abcd.new",
        "default.0123abcd.new becomes default.0123abcd.json",
        "fsync of the folder",
    ] == events


def test_a_reader_sees_the_old_file_or_the_new_one(
    tmp_path: Path, marks: HighWaterMarks, monkeypatch: pytest.MonkeyPatch
) -> None:
    record(marks, 500, 7)
    fsync = os.fsync
    seen: list[HighWaterMark] = []

    def look_and_fsync(file: int) -> None:
        seen.append(mark(tmp_path))
        fsync(file)

    monkeypatch.setattr(os, "fsync", look_and_fsync)
    record(marks, 600, 8)

    assert [HighWaterMark(500, 7), HighWaterMark(600, 8)] == seen


def test_a_lease_reads_and_writes_no_file_of_another_series(
    tmp_path: Path, marks: HighWaterMarks
) -> None:
    record(marks, 500, 7)
    other = marks.path(OTHER_SERIES)
    other.write_text("damaged")

    assert [] == record(marks, 600, 8)
    assert HighWaterMark(600, 8) == mark(tmp_path)
    assert "damaged" == other.read_text()


def test_two_number_spaces_may_have_a_series_of_one_name(marks: HighWaterMarks) -> None:
    record(marks, 500, 7)

    assert HighWaterMark() == mark(marks, "4567cdef/default")


def test_the_names_of_new_folders_reach_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[Path] = []
    fsync = os.fsync

    def seen_fsync(file: int) -> None:
        synced.append(Path(f"/proc/self/fd/{file}").readlink())
        fsync(file)

    monkeypatch.setattr(os, "fsync", seen_fsync)
    record(HighWaterMarks(tmp_path / "state"), 500, 7)

    assert [tmp_path, tmp_path / "state"] == synced[:2]


# Files of versions before, which have the marks of all series.


@pytest.mark.parametrize("name", FORMER_FILES)
def test_the_file_of_a_version_before_is_read_and_kept_up(
    tmp_path: Path, marks: HighWaterMarks, name: str
) -> None:
    former = tmp_path / name
    former.write_text(json.dumps({"series": {SERIES: [500, 7], OTHER_SERIES: [3, 4]}}))

    before = mark(marks)
    record(marks, 600, 8)

    assert HighWaterMark(500, 7) == before
    # An instance of that version sees what this one was given.
    assert {SERIES: [600, 8], OTHER_SERIES: [3, 4]} == json.loads(former.read_text())["series"]
    # When the upgrade is done, it is moved, and knows the same.
    kept = former.rename(tmp_path / FOLDER / name)
    text = kept.read_text()
    assert (HighWaterMark(600, 8), HighWaterMark(3, 4)) == (mark(marks), mark(marks, OTHER_SERIES))
    record(marks, 700, 9)
    record(marks, 5, 6, series=OTHER_SERIES)
    assert text == kept.read_text()
    assert not former.exists()
    assert (HighWaterMark(700, 9), HighWaterMark(5, 6)) == (mark(marks), mark(marks, OTHER_SERIES))


@pytest.mark.parametrize("name", FORMER_FILES)
def test_a_version_before_may_write_its_file_meanwhile(
    tmp_path: Path, marks: HighWaterMarks, name: str
) -> None:
    former = tmp_path / name
    former.write_text(json.dumps({"series": {SERIES: [500, 7]}}))
    record(marks, 600, 8)

    former.write_text(json.dumps({"series": {SERIES: [700, 9]}}))

    assert HighWaterMark(700, 9) == mark(marks)
    record(marks, 800, 10)
    assert [800, 10] == json.loads(former.read_text())["series"][SERIES]


def test_an_instance_of_the_version_before_and_this_one_tell_each_other_of_their_leases(
    tmp_path: Path, marks: HighWaterMarks
) -> None:
    former = tmp_path / FORMER_FILES[0]
    theirs = [[SERIES, 7, 499, 500, OTHER], [SERIES, 8, 599, 600, OTHER]]
    known = {"series": {SERIES: [500, 7]}}
    former.write_text(json.dumps({**known, "recorded": 1, "leases": theirs[:1]}))
    reading = marks.read(SERIES)
    former.write_text(json.dumps({**known, "recorded": 2, "leases": theirs}))

    found = marks.record(SERIES, lease(700, 9), instance=ME, since=reading)

    assert [RecordedLease(8, 599, 600, OTHER)] == found
    written = json.loads(former.read_text())
    assert (3, [SERIES, 9, 699, 700, ME]) == (written["recorded"], written["leases"][-1])


def test_what_the_version_before_wrote_beside_its_file_is_read(
    tmp_path: Path, marks: HighWaterMarks
) -> None:
    beside = tmp_path / "high-water-marks.host-1-aa.json"
    beside.write_text(json.dumps({"series": {SERIES: [500, 7]}}))

    assert HighWaterMark(500, 7) == mark(marks)


def test_a_file_of_many_series_is_parsed_only_where_its_text_is_another(
    tmp_path: Path, marks: HighWaterMarks, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With thousands of series it takes longer to parse than to read."""
    former = tmp_path / FORMER_FILES[0]
    before = json.dumps({"series": {SERIES: [500, 7], OTHER_SERIES: [3, 4]}})
    former.write_text(before)
    parsed: list[str] = []
    loads = json.loads

    def seen_loads(text: str) -> object:
        parsed.append(text)
        return loads(text)

    monkeypatch.setattr(json, "loads", seen_loads)

    assert [HighWaterMark(500, 7)] * 2 == [mark(marks), mark(marks)]
    assert [before] == parsed
    # It may be as long as the one before.
    former.write_text(before.replace("[500, 7]", "[900, 8]"))
    assert HighWaterMark(900, 8) == mark(marks)
    former.unlink()
    assert HighWaterMark() == mark(marks)
    former.write_text(before)
    assert HighWaterMark(500, 7) == mark(marks)


def test_the_file_of_a_series_is_parsed_only_where_its_text_is_another(
    marks: HighWaterMarks, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A lease reads it three times, and it says something new after the second alone."""
    parsed: list[str] = []
    loads = json.loads

    def seen_loads(text: str) -> object:
        parsed.append(text)
        return loads(text)

    monkeypatch.setattr(json, "loads", seen_loads)
    # A name of its own: what was parsed before is known in the whole process.
    by = f"host:1:{secrets.token_hex(8)}"
    for number, end in ((1, 31_000), (2, 32_000), (3, 33_000)):
        record(marks, end, number, by=by)
    assert [1, 2, 3] == [loads(text)["recorded"] for text in parsed]

    # It may be as long as the one before.
    file = marks.path(SERIES)
    file.write_text(file.read_text().replace("33000", "34000"))
    assert HighWaterMark(34_000, 3) == mark(marks)
    assert 4 == len(parsed)


def test_a_former_file_that_is_a_link_is_followed(tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    (tmp_path / "kept").mkdir()
    kept = tmp_path / "kept" / "marks.json"
    kept.write_text(json.dumps({"series": {SERIES: [500, 7]}}))
    link = tmp_path / "state" / FORMER_FILES[0]
    link.symlink_to(kept)

    record(HighWaterMarks(tmp_path / "state"), 600, 8)

    assert link.is_symlink()
    assert [600, 8] == json.loads(kept.read_text())["series"][SERIES]


def test_a_former_file_that_is_moved_while_its_lock_is_waited_for_is_not_made_anew(
    tmp_path: Path,
) -> None:
    """Moved again, it would replace the one that has all marks."""
    former = tmp_path / FORMER_FILES[0]
    former.write_text(json.dumps({"series": {SERIES: [500, 7], OTHER_SERIES: [3, 4]}}))

    class Moving(Disk):
        @contextmanager
        def lock(self, path: Path, *, seconds: float) -> Iterator[None]:
            with super().lock(path, seconds=seconds):
                if path == former.with_suffix(".lock"):
                    former.rename(tmp_path / FOLDER / former.name)
                yield

    marks = HighWaterMarks(tmp_path, disk=Moving())
    record(marks, 600, 8)

    assert not former.exists()
    assert (HighWaterMark(600, 8), HighWaterMark(3, 4)) == (mark(marks), mark(marks, OTHER_SERIES))


def test_the_version_before_sees_what_is_recorded_while_a_neighbour_keeps_a_lock(
    tmp_path: Path,
) -> None:
    """It reads `high-water-marks.*.json` beside its file, and no file of a series."""
    former = tmp_path / FORMER_FILES[0]
    former.write_text(json.dumps({"series": {SERIES: [500, 7]}}))
    marks = HighWaterMarks(tmp_path, lock_seconds=0.05)
    with locked(former):
        record(marks, 600, 8)
        record(marks, 3, 9, series=OTHER_SERIES)
        seen = [json.loads(path.read_text()) for path in tmp_path.glob("high-water-marks.*.json")]

    record(marks, 700, 10)
    left = [json.loads(path.read_text()) for path in tmp_path.glob("high-water-marks.*.json")]

    expected = [[[SERIES, 8, 599, 600, ME]], [[OTHER_SERIES, 9, 2, 3, ME]]]
    assert expected == sorted(each["leases"] for each in seen)
    assert [{SERIES: [600, 8]}] == [each["series"] for each in seen if SERIES in each["series"]]
    # What is in the file by now is no longer beside it.
    assert expected[1:] == [each["leases"] for each in left]
    assert [700, 10] == json.loads(former.read_text())["series"][SERIES]


def test_a_former_file_is_not_made(tmp_path: Path, marks: HighWaterMarks) -> None:
    record(marks, 500, 7)

    assert [FOLDER] == [path.name for path in tmp_path.iterdir()]


RECORDER = """
import sys
from pathlib import Path
from tracking_service.allocation import Block, HighWaterMarks, Lease
marks = HighWaterMarks(Path(sys.argv[1]), lock_seconds=float(sys.argv[3]))
first = int(sys.argv[2])
print("ready", flush=True)
sys.stdin.readline()
for number in range(first, 200, 2):
    lease = Lease(Block(number, number + 1), number, None, 0, number)
    for series in ("0123abcd/default", f"0123abcd/series-{number}"):
        marks.record(series, lease, instance=f"host:{first}:0", since=marks.read(series))
"""


@pytest.mark.parametrize("lock_seconds", [30.0, 0.0], ids=["locked", "lock never had in time"])
def test_processes_that_record_at_once_lose_nothing_of_each_other(
    tmp_path: Path, lock_seconds: float
) -> None:
    recorders = [
        Popen(
            [sys.executable, "-c", RECORDER, str(tmp_path), str(first), str(lock_seconds)],
            cwd=ROOT,
            stdin=PIPE,
            stdout=PIPE,
            stderr=PIPE,
            text=True,
        )
        for first in (0, 1)
    ]
    try:
        for recorder in recorders:
            assert recorder.stdout is not None
            assert "ready\n" == recorder.stdout.readline()
        for recorder in recorders:
            assert recorder.stdin is not None
            recorder.stdin.write("go\n")
            recorder.stdin.flush()
        assert [0, 0] == [recorder.wait(60) for recorder in recorders]
    finally:
        for recorder in recorders:
            recorder.kill()
            recorder.communicate()

    marks = HighWaterMarks(tmp_path)
    assert HighWaterMark(200, 199) == mark(marks)
    for number in range(200):
        assert HighWaterMark(number + 1, number) == mark(marks, f"0123abcd/series-{number}")


def test_threads_that_record_at_once_lose_nothing_of_each_other(tmp_path: Path) -> None:
    marks = HighWaterMarks(tmp_path, lock_seconds=30)
    names = iter(range(40))

    def each() -> None:
        number = next(names)
        record(marks, number + 1, number, series=f"0123abcd/series-{number}", by=f"host:1:{number}")

    assert [] == InThreads(40, each).join().errors
    assert [HighWaterMark(n + 1, n) for n in range(40)] == [
        mark(marks, f"0123abcd/series-{n}") for n in range(40)
    ]


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_child_forked_while_the_file_is_locked_does_not_keep_it_locked(
    tmp_path: Path, marks: HighWaterMarks, monkeypatch: pytest.MonkeyPatch
) -> None:
    fsync = os.fsync
    read_end, write_end = os.pipe()
    children: list[int] = []

    def fork_and_fsync(file: int) -> None:
        if not children:
            child = os.fork()
            if child == 0:
                # Lives, with its copy of the lock's file, until the parent lets it go.
                os.close(write_end)
                os.read(read_end, 1)
                os._exit(0)
            children.append(child)
        fsync(file)

    try:
        with monkeypatch.context() as patched:
            patched.setattr(os, "fsync", fork_and_fsync)
            record(marks, 500, 7)
        with locked(marks.path(SERIES)):
            pass
    finally:
        os.close(write_end)
        os.close(read_end)
        for child in children:
            os.waitpid(child, 0)


def test_a_neighbour_that_keeps_the_lock_stops_nobody(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    marks = HighWaterMarks(tmp_path, lock_seconds=0.05)
    record(marks, 100, 1)
    with locked(marks.path(SERIES)):
        reading = marks.read(SERIES)
        mine = marks.record(SERIES, lease(200, 2), instance=ME, since=reading)
        # And whoever comes after sees it.
        others = marks.record(SERIES, lease(300, 3), instance=OTHER, since=reading)
        held = mark(marks)

    assert ([], [RecordedLease(2, 199, 200, ME)]) == (mine, others)
    assert HighWaterMark(300, 3) == held
    assert "another process keeps the high-water marks locked" in caplog.text


def test_what_was_written_beside_the_file_goes_into_it_when_the_lock_is_had(
    tmp_path: Path,
) -> None:
    marks = HighWaterMarks(tmp_path, lock_seconds=0.05)
    path = marks.path(SERIES)
    beside = path.parent / "default.0123abcd" / "host-1-aa.json"
    path.parent.mkdir()
    with locked(path):
        reading = marks.read(SERIES)
        record(marks, 200, 2)
        assert (True, False) == (beside.exists(), path.exists())

    record(marks, 300, 3)

    assert (False, True) == (beside.exists(), path.exists())
    # A neighbour that leased all the while misses nothing of it.
    assert [2, 3] == [
        each.lease_number
        for each in marks.record(SERIES, lease(400, 4), instance=OTHER, since=reading) or ()
    ]


def test_a_file_beside_that_is_begun_again_hides_none_of_its_leases(tmp_path: Path) -> None:
    """It has one lease when the mark is read, and one, another, when neighbours are looked at."""
    marks = HighWaterMarks(tmp_path, lock_seconds=0.05)
    marks.path(SERIES).parent.mkdir()
    with locked(marks.path(SERIES)):
        record(marks, 100, 1, by=OTHER)
        reading = marks.read(SERIES)
    record(marks, 200, 2, by=OTHER)
    with locked(marks.path(SERIES)):
        record(marks, 300, 3, by=OTHER)
        found = marks.record(SERIES, lease(400, 4), instance=ME, since=reading)

    assert 3 in [each.lease_number for each in found or ()]


def test_what_goes_into_the_file_while_the_files_are_read_is_read(tmp_path: Path) -> None:
    neighbour = HighWaterMarks(tmp_path, lock_seconds=0.05)
    neighbour.path(SERIES).parent.mkdir()
    with locked(neighbour.path(SERIES)):
        record(neighbour, 900, 1, by=OTHER)
    leases = [2]

    class Meanwhile(Disk):
        def read(self, path: Path) -> str | None:
            text = super().read(path)
            if leases:
                record(neighbour, 500, leases.pop(), by=OTHER)
            return text

    assert 900 == HighWaterMarks(tmp_path, disk=Meanwhile()).read(SERIES).mark.end


def lease_of(start: int, end: int, number: int) -> Lease:
    return Lease(Block(start, end), number, None, remaining=10**6, block_id=number)


def leased(marks: HighWaterMarks, start: int, end: int, number: int, *, by: str = ME) -> None:
    marks.record(SERIES, lease_of(start, end, number), instance=by, since=marks.read(SERIES))


def holder(
    marks: HighWaterMarks, start: int, end: int, *, returned_by: str = "away:3:cc"
) -> object:
    tail = Block(start, end)
    return marks.read(SERIES).possible_holder(tail, returned_by=returned_by)


def test_a_lease_that_is_recorded_again_and_again_pushes_out_no_other(
    marks: HighWaterMarks, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a disk with room for the file of the series, and none for that of all."""
    (marks.folder / FORMER_FILES[0]).write_text('{"series": {}}')
    leased(marks, 0, 100, 1, by=OTHER)
    reading = marks.read(SERIES)

    def again() -> object:
        return marks.record(SERIES, lease_of(100, 200, 2), instance=ME, since=reading)

    def write(disk: Disk, path: Path, text: str) -> None:
        if path.parent == marks.folder:
            raise OSError(ENOSPC, "No space left on device")
        path.write_text(text)

    with monkeypatch.context() as patched:
        patched.setattr(Disk, "write", write)
        for _ in range(RECORDED_MOST):
            with pytest.raises(HighWaterMarkError):
                again()

    assert [] == again()
    assert [OTHER, ME] == [holder(marks, *each) for each in ((50, 100), (150, 200))]


def test_an_instance_that_leased_a_tail_may_hold_it_until_it_is_recorded(
    marks: HighWaterMarks,
) -> None:
    leased(marks, 0, 100, 1)
    before = holder(marks, 60, 100)
    marks.record_hand_back(SERIES, [Block(60, 100)], instance=ME)

    assert (ME, None) == (before, holder(marks, 60, 100))
    assert None is holder(HighWaterMarks(marks.folder), 70, 80)
    # Spent, in part or whole, or leased by nobody here.
    assert [ME, ME, None] == [holder(marks, *each) for each in ((59, 100), (0, 60), (100, 200))]


def test_only_what_is_unspent_at_the_end_of_a_lease_counts_as_handed_back(
    marks: HighWaterMarks,
) -> None:
    leased(marks, 0, 100, 1)
    leased(marks, 100, 200, 2)
    leased(marks, 200, 300, 3)
    unspent = [Block(100, 120), Block(40, 60), Block(90, 100), Block(60, 70), Block(250, 299)]
    marks.record_hand_back(SERIES, unspent, instance=ME)

    assert [None, ME, ME, ME] == [
        holder(marks, *each) for each in ((90, 100), (40, 60), (100, 120), (250, 299))
    ]


def test_each_hand_back_is_of_its_own_instance_and_series(marks: HighWaterMarks) -> None:
    leased(marks, 0, 100, 1)
    record(marks, 100, 1, series=OTHER_SERIES)
    marks.record_hand_back(SERIES, [Block(0, 100)], instance=OTHER)
    marks.record_hand_back(OTHER_SERIES, [Block(0, 100)], instance=ME)

    assert ME == holder(marks, 50, 100)


def test_who_leased_a_tail_last_decides(marks: HighWaterMarks) -> None:
    leased(marks, 0, 100, 1)
    marks.record_hand_back(SERIES, [Block(50, 100)], instance=ME)
    leased(marks, 50, 100, 5, by=OTHER)

    assert OTHER == holder(marks, 60, 100)
    marks.record_hand_back(SERIES, [Block(60, 100)], instance=OTHER)
    assert None is holder(marks, 60, 100)
    # It was handed back here before it was leased again: no single history has that.
    assert OTHER == holder(marks, 60, 100, returned_by=ME)
    assert None is holder(marks, 60, 100, returned_by=OTHER)


def test_a_hand_back_raises_no_alarm_with_one_who_leases_meanwhile(marks: HighWaterMarks) -> None:
    leased(marks, 0, 100, 1)
    reading = marks.read(SERIES)
    marks.record_hand_back(SERIES, [Block(60, 100)], instance=ME)

    found = marks.record(SERIES, lease_of(60, 100, 2), instance=OTHER, since=reading)

    assert [] == found
    assert HighWaterMark(100, 2) == mark(marks)


def test_a_hand_back_that_is_recorded_lasts_beside_the_file_of_the_version_before(
    marks: HighWaterMarks,
) -> None:
    """That file has the lease too, in the form that its version reads."""
    former = marks.folder / FORMER_FILES[0]
    former.write_text('{"series": {}}')
    leased(marks, 0, 100, 1)
    text = former.read_text()
    marks.record_hand_back(SERIES, [Block(60, 100)], instance=ME)
    record(marks, 200, 2, by=OTHER)

    assert None is holder(marks, 60, 100)
    assert [SERIES, 1, 0, 100, ME] == json.loads(text)["leases"][0]
    assert [SERIES, 1, 0, 100, ME] == json.loads(former.read_text())["leases"][0]


def test_a_hand_back_where_nothing_was_recorded_makes_no_file(marks: HighWaterMarks) -> None:
    marks.record_hand_back(SERIES, [Block(0, 100)], instance=ME)

    assert not marks.path(SERIES).exists()


def test_a_hand_back_waits_no_longer_than_a_lease_for_a_lock(marks: HighWaterMarks) -> None:
    marks = HighWaterMarks(marks.folder, lock_seconds=0.01)
    leased(marks, 0, 100, 1)
    with locked(marks.path(SERIES)), pytest.raises(HighWaterMarkError):
        marks.record_hand_back(SERIES, [Block(0, 100)], instance=ME)

    assert ME == holder(marks, 0, 100)


@pytest.mark.parametrize("returned_from", ["-1", "true", '"5"', "1.5", "5, 6"])
def test_a_hand_back_that_nobody_wrote_is_damage(marks: HighWaterMarks, returned_from: str) -> None:
    leased(marks, 0, 100, 1)
    path = marks.path(SERIES)
    path.write_text(path.read_text().replace(f'"{ME}"]', f'"{ME}", {returned_from}]'))

    with pytest.raises(HighWaterMarkError):
        marks.read(SERIES)
