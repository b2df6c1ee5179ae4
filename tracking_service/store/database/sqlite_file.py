"""Makes sure that an SQLite file has one path alone.

The write-ahead log and the locks belong to the path. Two processes that open one file by two paths
do not see each other's transactions, and lease the same serials
(https://www.sqlite.org/howtocorrupt.html, section 2.5). A file has a second path when it has
another hard link, or is bind-mounted by itself, without its folder.
"""

import re
from pathlib import Path

from tracking_service.errors import SettingsError

MOUNTS = Path("/proc/self/mountinfo")
"""The mounts of this process, where the kernel is Linux (proc_pid_mountinfo(5))."""

NETWORK = frozenset(
    [
        *("afs", "beegfs", "ceph", "cifs", "fuse.glusterfs", "fuse.sshfs", "gfs2", "gpfs"),
        *("lustre", "ncpfs", "nfs", "nfs4", "ocfs2", "smb3", "smbfs"),
    ]
)
"""File systems that hosts share. Write-ahead logging needs memory that its users share, so users on
two hosts do not see each other's transactions (https://www.sqlite.org/wal.html)."""

_ESCAPED = re.compile(r"\\([0-7]{3})")


def identity(path: Path) -> tuple[int, int] | None:
    """Which file is at `path` now, whatever it is called; None where there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def create_file(path: Path, *, home: Path) -> None:
    """Make an empty file at `path` where there is none, and `home` if it is to lie in it.

    What stands in the way shows when the file is opened.
    """
    try:
        if path.parent == home:
            home.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o644)
    except OSError:
        return


def check_single_path(file: Path) -> None:
    """Raise SettingsError if `file`, with its links resolved, may be in use by another path."""
    try:
        found, folder = file.stat(), file.parent.stat()
    except OSError:
        # SQLite tells more when it opens it.
        return
    if found.st_nlink > 1:
        raise _refused(
            f"has {found.st_nlink} hard links: whoever opens it by another one leases the same"
            " serials; copy it instead"
        )
    mounts = _mounts()
    if found.st_dev != folder.st_dev or str(file) in mounts:
        raise _refused("is mounted without its folder, where its -wal file lies: mount the folder")
    kind = _file_system(file, mounts)
    if kind in NETWORK:
        raise _refused(
            f"lies on {kind}, where hosts that share it lease the same serials: move it to a local"
            " disk, or use PostgreSQL"
        )


def _refused(why: str) -> SettingsError:
    return SettingsError(f"DATABASE_URL names an SQLite file that {why}")


def _mounts() -> dict[str, str]:
    """The type of the file system at each mount point; of several, the last is on top."""
    try:
        lines = MOUNTS.read_text(errors="surrogateescape").splitlines()
    except OSError:
        return {}
    mounts = {}
    for line in lines:
        before, _, after = line.partition(" - ")
        point = _ESCAPED.sub(lambda match: chr(int(match[1], 8)), before.split(" ")[4])
        mounts[point] = after.split(" ")[0]
    return mounts


def _file_system(file: Path, mounts: dict[str, str]) -> str | None:
    return next((mounts[str(each)] for each in file.parents if str(each) in mounts), None)
