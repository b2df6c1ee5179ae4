"""Runs `flask` commands on a terminal, as somebody who types there does."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from dataclasses import dataclass
from typing import IO

from tests.support.commands import ROOT, environment


@dataclass(frozen=True)
class Shown:
    """How a command ended that ran on a terminal."""

    code: int
    screen: str
    """All that the terminal showed, with what was typed."""


def on_a_terminal(
    url: str, *arguments: str, typed: str = "", stdout: IO[bytes] | None = None
) -> Shown:
    """Run `flask ARGUMENTS`; `typed` waits in the terminal. `stdout` may lead elsewhere."""
    terminal, end = os.openpty()
    with os.fdopen(end, "r+b", buffering=0) as user:
        process = subprocess.Popen(
            [sys.executable, "-m", "flask", *arguments],
            cwd=ROOT,
            env=environment(DATABASE_URL=url),
            stdin=user,
            stdout=stdout or user,
            stderr=user,
        )
    try:
        os.write(terminal, typed.encode())
        screen = _all_of(terminal)
    finally:
        os.close(terminal)
        code = process.wait(timeout=30)
    return Shown(code, screen.decode().replace("\r\n", "\n"))


def _all_of(terminal: int) -> bytes:
    """All that is written to a terminal until its last process ends and it hangs up."""
    shown = b""
    while True:
        try:
            shown += os.read(terminal, 4096)
        except OSError as error:
            if error.errno != errno.EIO:
                raise
            return shown
