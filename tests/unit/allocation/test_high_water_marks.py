"""The witness: written whole, on the disk before it is believed, and never guessed at."""

import fcntl
import json
import os
import sys
from pathlib import Path
from subprocess import PIPE, Popen

import pytest

from tests.support.commands import ROOT
from tests.support.fakes import InThreads
from tracking_service.allocation import Mark, Witness
from tracking_service.errors import WitnessError


@pytest.fixture
def witness(tmp_path: Path) -> Witness:
    return Witness(tmp_path)


def test_a_series_that_was_never_seen_has_the_lowest_mark(witness: Witness) -> None:
    assert Mark() == witness.read("default")


def test_a_mark_survives_a_restart(tmp_path: Path) -> None:
    Witness(tmp_path).record("default", Mark(500, 7))

    assert Mark(500, 7) == Witness(tmp_path).read("default")


def test_each_series_has_its_own(witness: Witness) -> None:
    witness.record("default", Mark(500, 7))
    witness.record("other", Mark(3, 9))

    assert (Mark(500, 7), Mark(3, 9)) == (witness.read("default"), witness.read("other"))


def test_a_mark_is_only_ever_raised_each_way(witness: Witness) -> None:
    witness.record("default", Mark(500, 7))
    witness.record("default", Mark(400, 9))
    witness.record("default", Mark(600, 1))

    assert Mark(600, 9) == witness.read("default")


def test_a_folder_that_is_missing_is_made(tmp_path: Path) -> None:
    folder = tmp_path / "state" / "of" / "this"
    witness = Witness(folder)
    assert Mark() == witness.read("default")
    assert not folder.exists()

    witness.record("default", Mark(500, 7))

    assert Mark(500, 7) == Witness(folder).read("default")


@pytest.mark.parametrize(
    "text",
    [
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
        '{"series": {"other": "ab"}}',
        '{"series": {"default": [500, 7]}',
        '{"series": {"default": [500, 7]}}é',
    ],
)
def test_a_damaged_file_is_refused_and_left_as_it_is(
    tmp_path: Path, witness: Witness, text: str
) -> None:
    path = tmp_path / "witness.json"
    path.write_text(text, encoding="utf-8")

    with pytest.raises(WitnessError, match=r"witness\.json"):
        witness.read("default")
    with pytest.raises(WitnessError, match=r"witness\.json"):
        witness.record("default", Mark(500, 7))
    assert text == path.read_text(encoding="utf-8")


def test_a_folder_that_cannot_be_used_is_refused(tmp_path: Path) -> None:
    # A file in its place: a folder without write permission does not stop root.
    (tmp_path / "state").write_text("")
    witness = Witness(tmp_path / "state")

    with pytest.raises(WitnessError, match="witness"):
        witness.record("default", Mark(500, 7))
    with pytest.raises(WitnessError, match="witness"):
        witness.read("default")


def test_a_folder_in_the_files_place_is_refused(tmp_path: Path, witness: Witness) -> None:
    (tmp_path / "witness.json").mkdir()

    with pytest.raises(WitnessError):
        witness.read("default")


def test_a_disk_that_fails_is_told_and_leaves_the_old_file(
    tmp_path: Path, witness: Witness, monkeypatch: pytest.MonkeyPatch
) -> None:
    witness.record("default", Mark(500, 7))

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)

    with pytest.raises(WitnessError, match="No space left"):
        witness.record("default", Mark(600, 8))
    assert Mark(500, 7) == Witness(tmp_path).read("default")


@pytest.mark.parametrize("before", [Mark(), Mark(9_999, 99)])
def test_on_return_it_has_reached_the_disk_and_so_has_its_name(
    tmp_path: Path, witness: Witness, monkeypatch: pytest.MonkeyPatch, before: Mark
) -> None:
    witness.record("default", before)
    expected = json.dumps({"series": {"default": [*_pair(before.joined(Mark(500, 7)))]}})
    events: list[str] = []
    fsync, replace = os.fsync, Path.replace

    def seen_fsync(file: int) -> None:
        path = Path(f"/proc/self/fd/{file}").readlink()
        if path.is_dir():
            events.append("fsync of the folder")
        else:
            assert json.loads(expected) == json.loads(path.read_text())
            events.append(f"fsync of {path.name}")
        fsync(file)

    def seen_replace(path: Path, target: Path) -> Path:
        events.append(f"{path.name} becomes {target.name}")
        return replace(path, target)

    monkeypatch.setattr(os, "fsync", seen_fsync)
    monkeypatch.setattr(Path, "replace", seen_replace)
    witness.record("default", Mark(500, 7))

    assert [
        "fsync of witness.new",
        "witness.new becomes witness.json",
        "fsync of the folder",
    ] == events


def _pair(mark: Mark) -> tuple[int, int]:
    return mark.end, mark.number


def test_a_reader_sees_the_old_file_or_the_new_one(
    tmp_path: Path, witness: Witness, monkeypatch: pytest.MonkeyPatch
) -> None:
    witness.record("default", Mark(500, 7))
    fsync = os.fsync
    seen: list[Mark] = []

    def look_and_fsync(file: int) -> None:
        seen.append(Witness(tmp_path).read("default"))
        fsync(file)

    monkeypatch.setattr(os, "fsync", look_and_fsync)
    witness.record("default", Mark(600, 8))

    assert [Mark(500, 7), Mark(600, 8)] == seen


RECORDER = """
import sys
from pathlib import Path
from tracking_service.allocation import Mark, Witness
witness = Witness(Path(sys.argv[1]))
first = int(sys.argv[2])
print("ready", flush=True)
sys.stdin.readline()
for number in range(first, 200, 2):
    witness.record("default", Mark(10 * number, number))
    witness.record(f"series-{number}", Mark(number, number))
"""


def test_processes_that_record_at_once_lose_nothing_of_each_other(tmp_path: Path) -> None:
    recorders = [
        Popen(
            [sys.executable, "-c", RECORDER, str(tmp_path), str(first)],
            cwd=ROOT,
            stdin=PIPE,
            stdout=PIPE,
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

    witness = Witness(tmp_path)
    assert Mark(1990, 199) == witness.read("default")
    for number in range(200):
        assert Mark(number, number) == witness.read(f"series-{number}")


def test_threads_that_record_at_once_lose_nothing_of_each_other(witness: Witness) -> None:
    names = iter(range(40))

    def record() -> None:
        number = next(names)
        witness.record(f"series-{number}", Mark(number, number))

    assert [] == InThreads(40, record).join().errors
    assert [Mark(n, n) for n in range(40)] == [witness.read(f"series-{n}") for n in range(40)]


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_child_forked_while_the_file_is_locked_does_not_keep_it_locked(
    tmp_path: Path, witness: Witness, monkeypatch: pytest.MonkeyPatch
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
            witness.record("default", Mark(500, 7))
        with (tmp_path / "witness.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    finally:
        os.close(write_end)
        os.close(read_end)
        for child in children:
            os.waitpid(child, 0)


def test_a_neighbour_that_keeps_the_lock_is_not_waited_for_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tracking_service.allocation.high_water_marks.LOCK_SECONDS", 0.05)
    with (tmp_path / "witness.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)

        with pytest.raises(WitnessError):
            Witness(tmp_path).record("default", Mark(1, 1))
