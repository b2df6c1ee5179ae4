"""Checks that an SQLite file has only one path.

The write-ahead log belongs to the path. Processes that open one file by two paths do not see each
other's transactions, and lease the same serials
(https://www.sqlite.org/howtocorrupt.html, section 2.5). SQLite resolves symbolic links by itself.
A second hard link remains, and a file that is mounted without its folder.
"""

import os
import re
import stat
from pathlib import Path

from tracking_service.errors import UnsafeFileError

MOUNTINFO = Path("/proc/self/mountinfo")
"""The mounts that this process sees; only Linux has it (proc_pid_mountinfo(5))."""

NETWORK = frozenset(
    [
        *("afs", "beegfs", "ceph", "cifs", "fuse.glusterfs", "fuse.sshfs", "gfs2", "gpfs"),
        *("lustre", "ncpfs", "nfs", "nfs4", "ocfs2", "smb3", "smbfs"),
    ]
)
"""File systems that hosts share, but not the memory in which SQLite keeps the index of the log
(https://www.sqlite.org/wal.html): processes on two hosts do not see each other's transactions."""

_ESCAPED = re.compile(r"\\([0-7]{3})")


def identity(path: Path) -> tuple[int, int] | None:
    """Return device and inode of the file at `path`; None if there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def make_empty_file(path: Path, *, home: Path) -> None:
    """Make an empty file at `path` if there is none. If it is to lie in `home`, make that too.

    Raises OSError.
    """
    if path.parent == home:
        home.mkdir(parents=True, exist_ok=True)
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL, 0o644))
    except FileExistsError:
        # Not opened, because closing it would drop this process's locks on it.
        return


def check_single_path(file: Path, *, mountinfo: Path = MOUNTINFO) -> None:
    """Raise UnsafeFileError if others may use `file`, whose links are resolved, by another path."""
    found = file.stat()
    links = found.st_nlink
    # A folder has a link for each subfolder; SQLite reports that it is no file.
    if links > 1 and not stat.S_ISDIR(found.st_mode):
        raise _unsafe(
            f"has {links} hard links, and instances that open it by another lease the same serials:"
            " remove all but one"
        )
    mounts = _mounts(mountinfo)
    if file in mounts:
        raise _unsafe(
            "is mounted without its folder, and the -wal file beside it is not: mount the folder"
        )
    kind = next((mounts[each] for each in file.parents if each in mounts), "")
    if kind in NETWORK:
        raise _unsafe(
            f"lies on {kind}, and hosts that share it lease the same serials: move it to a local"
            " disk, or use PostgreSQL"
        )


def _unsafe(fault: str) -> UnsafeFileError:
    return UnsafeFileError(f"the SQLite file that DATABASE_URL names {fault}")


def _mounts(mountinfo: Path) -> dict[Path, str]:
    """The mount points, each with its type of file system."""
    try:
        text = mountinfo.read_text(errors="surrogateescape")
    except OSError:
        # Not Linux: other kernels mount only folders.
        return {}
    mounts = {}
    for line in text.splitlines():
        mount, _, system = line.partition(" - ")
        point = _ESCAPED.sub(lambda match: chr(int(match[1], 8)), mount.split(" ")[4])
        # Of several mounts at one point the last one is visible.
        mounts[Path(point)] = system.split(" ")[0]
    return mounts
