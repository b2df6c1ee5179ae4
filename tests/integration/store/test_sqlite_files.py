"""An SQLite file has one path alone: its write-ahead log belongs to the path."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.answers import fails
from tests.support.instance import Instance
from tests.support.stores import Stores
from tests.support.waiting import wait_until
from tracking_service.allocation import Block
from tracking_service.errors import SchemaError, UnsafeFileError
from tracking_service.store.database.sqlite_file import check_single_path

COMMANDS = ["serve --port 0", "blocks lease", "db upgrade"]


def url_of(file: Path) -> str:
    return f"sqlite:///{file}"


@pytest.fixture
def file(migrated_sqlite_url: str) -> Path:
    return Path(migrated_sqlite_url.removeprefix("sqlite:///"))


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    """A path to nothing in a folder of its own, beside the file's."""
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    return folder / "tracking.sqlite3"


@pytest.mark.parametrize("command", COMMANDS)
def test_a_file_with_two_hard_links_stops_every_command(
    file: Path, elsewhere: Path, command: str
) -> None:
    elsewhere.hardlink_to(file)
    for path in (file, elsewhere):
        line = fails(*command.split(), env={"DATABASE_URL": url_of(path)}).stderr

        assert "the SQLite file that DATABASE_URL names has 2 hard links" in line
        assert "remove all but one" in line


def test_beside_an_instance_none_starts_by_another_link(file: Path, elsewhere: Path) -> None:
    with Instance({"DATABASE_URL": url_of(file)}) as instance:
        numbers = [instance.number()]
        elsewhere.hardlink_to(file)
        refused = fails("serve", "--port", "0", env={"DATABASE_URL": url_of(elsewhere)})
        numbers.append(instance.number())
        elsewhere.unlink()
        with Instance({"DATABASE_URL": url_of(file)}) as other:
            numbers.append(other.number())

    assert "2 hard links" in refused.stderr
    assert 3 == len(set(numbers))


def test_no_connection_is_opened_once_there_is_another_link(sqlite: Stores, tmp_path: Path) -> None:
    file = Path(str(sqlite.url.database))
    store = sqlite.store()
    sqlite.database.close()
    (tmp_path / "link").hardlink_to(file)
    with pytest.raises(UnsafeFileError):
        store.lease("small", 1)
    (tmp_path / "link").unlink()

    assert Block(0, 10) == store.lease("small", 1).block


def through_a_folder(file: Path, elsewhere: Path) -> Path:
    elsewhere.parent.rmdir()
    elsewhere.parent.symlink_to(file.parent)
    return elsewhere


def to_the_file(file: Path, elsewhere: Path) -> Path:
    elsewhere.symlink_to(file)
    return elsewhere


def to_a_link(file: Path, elsewhere: Path) -> Path:
    (elsewhere.parent / "link").symlink_to(file)
    elsewhere.symlink_to("link")
    return elsewhere


@pytest.mark.parametrize("link", [through_a_folder, to_the_file, to_a_link])
def test_by_a_symbolic_link_the_log_is_the_files_own(
    file: Path, elsewhere: Path, link: Callable[[Path, Path], Path]
) -> None:
    path = link(file, elsewhere)
    with Stores(url_of(file)) as one, Stores(url_of(path)) as two:
        one.create("small")
        leased = [stores.store().lease("small", 1).block.start for stores in (one, two, one, two)]
        logs = sorted(file.parent.rglob("*-wal"))

    assert [0, 10, 20, 30] == leased
    assert [file.with_name(f"{file.name}-wal")] == logs


MOUNTS = """\
22 1 0:20 / / rw,relatime - ext4 /dev/vda rw
23 22 0:21 / {folder} rw,relatime shared:1 - {kind} /dev/vdb rw
24 23 0:21 /x.db {file} rw,relatime master:1 propagate_from:2 - ext4 /dev/vda rw
"""


def escaped(path: Path) -> str:
    """As the kernel writes a path in /proc/self/mountinfo."""
    return str(path).replace("\\", "\\134").replace(" ", "\\040")


@pytest.fixture
def mounts(tmp_path: Path) -> Callable[..., Path]:
    def make(file: Path, *, kind: str = "ext4") -> Path:
        mountinfo = tmp_path / "mountinfo"
        mountinfo.write_text(
            MOUNTS.format(folder=escaped(file.parent), file=escaped(file), kind=kind)
        )
        return mountinfo

    return make


@pytest.mark.parametrize("name", ["x.db", "a b.db", "a\\040b.db"])
def test_a_file_that_is_mounted_without_its_folder_is_refused(
    tmp_path: Path, mounts: Callable[..., Path], name: str
) -> None:
    file, neighbour = tmp_path / name, tmp_path / "neighbour"
    for each in (file, neighbour):
        each.touch()
    mountinfo = mounts(file)
    with pytest.raises(UnsafeFileError, match="is mounted without its folder"):
        check_single_path(file, mountinfo=mountinfo)

    check_single_path(neighbour, mountinfo=mountinfo)


@pytest.mark.parametrize("kind", ["nfs4", "nfs", "cifs", "ceph", "fuse.sshfs"])
def test_a_file_system_that_hosts_share_is_refused(
    tmp_path: Path, mounts: Callable[..., Path], kind: str
) -> None:
    file = tmp_path / "x.db"
    file.touch()
    mountinfo = mounts(tmp_path / "another", kind=kind)
    with pytest.raises(UnsafeFileError, match=f"lies on {kind}, and hosts that share it"):
        check_single_path(file, mountinfo=mountinfo)


@pytest.mark.parametrize("kind", ["ext4", "xfs", "overlay", "tmpfs", "9p", "fuse.grpcfuse"])
def test_a_file_system_of_one_host_is_taken(
    tmp_path: Path, mounts: Callable[..., Path], kind: str
) -> None:
    file = tmp_path / "x.db"
    file.touch()

    check_single_path(file, mountinfo=mounts(tmp_path / "another", kind=kind))


def test_a_file_that_is_missing_is_not_made(sqlite: Stores) -> None:
    file = Path(str(sqlite.url.database))
    sqlite.database.close()
    file.unlink()
    for _ in range(2):
        with pytest.raises(SchemaError, match="there is no SQLite file where DATABASE_URL says"):
            sqlite.store().lease("small", 1)

    assert not file.exists()


def test_a_file_removed_while_serving_is_a_503_and_is_not_made_again(
    file: Path, tmp_path: Path
) -> None:
    with Instance({"DATABASE_URL": url_of(file)}) as instance:
        number = instance.number()
        file.rename(tmp_path / "away")
        while_away = instance.get(f"/api/tracking-numbers/{number}")
        numbers = [instance.number() for _ in range(5)]
        wait_until(
            lambda: "there is no SQLite file" in instance.get("/readyz").body.decode(),
            seconds=30,
            what="/readyz to say so",
        )
        made_again = file.exists()
        shutil.move(tmp_path / "away", file)
        wait_until(
            lambda: instance.get(f"/api/tracking-numbers/{number}").status == 200,
            seconds=30,
            what="the file to be used again",
        )
        log = instance.log()

    assert 503 == while_away.status
    assert "/problems/database-failed" == while_away.json()["type"]
    assert "SQLite" not in while_away.body.decode()
    assert "begin a new database" in log
    assert not made_again
    assert 6 == len({number, *numbers})
