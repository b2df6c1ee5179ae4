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


class ProcessHooks(ResetsAfterFork, Protocol):
    """What a process calls when it forks and when it ends."""

    def close(self) -> object: ...


def register_hooks(owner: ProcessHooks) -> None:
    """Reset `owner` in the child of every fork, and close it when a process ends in good order.

    It is reset before the child does anything else, and closed in this process and in a child;
    perhaps twice.
    """
    reference = weakref.ref(owner)

    def reset() -> None:
        if (owner := reference()) is not None:
            owner.reset_after_fork()

    def close() -> None:
        if (owner := reference()) is not None:
            owner.close()

    os.register_at_fork(after_in_child=reset)
    atexit.register(close)
    # A child that multiprocessing forked, such as a worker of granian, ends without atexit's
    # functions, and runs only these.
    Finalize(None, close, exitpriority=0)
