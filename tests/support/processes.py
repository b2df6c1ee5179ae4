"""Processes that the tests start: found, stopped, continued and ended by their ids alone."""

from __future__ import annotations

import contextlib
import signal
import subprocess
from pathlib import Path

import psutil

from tests.support.waiting import wait_until


def family(pid: int) -> list[psutil.Process]:
    """The process and all its descendants that live, the process itself first."""
    try:
        parent = psutil.Process(pid)
        return [parent, *parent.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def freeze(pid: int) -> None:
    """SIGSTOP the process and its descendants, and return when every one of them is stopped."""

    def frozen() -> bool:
        # Asked again, because a process not yet stopped may have started another.
        whole = [process for process in family(pid) if _state(process) != psutil.STATUS_ZOMBIE]
        running = [process for process in whole if _state(process) != psutil.STATUS_STOPPED]
        for process in running:
            _send(process, signal.SIGSTOP)
        return not running

    wait_until(frozen, seconds=10, what=f"process {pid} to be stopped")


def thaw(pid: int) -> None:
    """SIGCONT the process and its descendants."""
    for process in family(pid):
        _send(process, signal.SIGCONT)


def end(process: subprocess.Popen[bytes]) -> None:
    """SIGKILL the process and its descendants, and return when none of them runs.

    Raises TimeoutError where one outlives that by ten seconds.
    """
    whole = family(process.pid)
    for member in whole:
        _send(member, signal.SIGKILL)
    process.wait(timeout=10)
    _await_end(whole)


def end_family(pid: int, *, in_folder: Path) -> None:
    """As `end`, for a process that one of ours has started and left: it works in `in_folder`.

    One that works elsewhere was given the id of a process that has ended, and is spared.
    """
    whole = family(pid)
    if not whole or Path(whole[0].cwd()) != in_folder:
        return
    for member in whole:
        _send(member, signal.SIGKILL)
    _await_end(whole)


def _await_end(whole: list[psutil.Process]) -> None:
    # A descendant stays a zombie until init reaps it, but it runs no more and holds nothing.
    wait_until(
        lambda: all(_state(member) == psutil.STATUS_ZOMBIE for member in whole),
        seconds=10,
        what=f"an end of {whole}",
    )


def _state(process: psutil.Process) -> str:
    try:
        return process.status()
    except psutil.NoSuchProcess:
        return psutil.STATUS_ZOMBIE


def _send(process: psutil.Process, number: signal.Signals) -> None:
    # psutil checks the start time first, so an id that was given to another process is spared.
    with contextlib.suppress(psutil.NoSuchProcess):
        process.send_signal(number)
