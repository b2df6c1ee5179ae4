"""What a process is called, and what is done when it forks or ends.

What is registered with the interpreter cannot be taken back, so it holds its object weakly.
"""

import atexit
import os
import secrets
import socket
import weakref
from multiprocessing.util import Finalize
from typing import Protocol


def instance_name(given: str = "") -> str:
    """A name for this process that no other ever has: `given`, or the host; pid; a random part."""
    return f"{given or socket.gethostname()[:200]}:{os.getpid()}:{secrets.token_hex(4)}"


class ResetsAfterFork(Protocol):
    """Has something of which the child of a fork must drop its copy."""

    def reset_after_fork(self) -> None: ...


class Closes(Protocol):
    """Has something to put in order before the process ends."""

    def close(self) -> object: ...


class FollowsProcess(ResetsAfterFork, Closes, Protocol):
    """Lives as long as the process that it is in."""


def follow_process(owner: "FollowsProcess") -> None:
    """Reset `owner` in the child of every fork, and close it when a process ends in good order."""
    reset_after_fork(owner)
    close_at_exit(owner)


def reset_after_fork(owner: ResetsAfterFork) -> None:
    """Call `reset_after_fork` in the child of every fork, first of all."""
    reference = weakref.ref(owner)

    def reset() -> None:
        if (owner := reference()) is not None:
            owner.reset_after_fork()

    os.register_at_fork(after_in_child=reset)


def close_at_exit(owner: Closes) -> None:
    """Call `close` when a process ends in good order, this one or a child; perhaps twice."""
    reference = weakref.ref(owner)

    def close() -> None:
        if (owner := reference()) is not None:
            owner.close()

    atexit.register(close)
    # A child that multiprocessing forked, such as a worker of granian, ends without atexit's
    # functions, and runs only these.
    Finalize(None, close, exitpriority=0)
