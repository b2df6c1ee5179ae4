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


def instance_name() -> str:
    """A name for this process that no other ever has: host, pid and a random part."""
    return f"{socket.gethostname()[:200]}:{os.getpid()}:{secrets.token_hex(4)}"


class Forgets(Protocol):
    """Has something of which the child of a fork must drop its copy."""

    def forget(self) -> None: ...


class Closes(Protocol):
    """Has something to put in order before the process ends."""

    def close(self) -> object: ...


def forget_in_child(owner: Forgets) -> None:
    """Call `forget` in the child of every fork, first of all."""
    reference = weakref.ref(owner)

    def forget() -> None:
        if (owner := reference()) is not None:
            owner.forget()

    os.register_at_fork(after_in_child=forget)


def close_at_end(owner: Closes) -> None:
    """Call `close` when a process ends in good order, this one or a child; perhaps twice."""
    reference = weakref.ref(owner)

    def close() -> None:
        if (owner := reference()) is not None:
            owner.close()

    atexit.register(close)
    # A child that multiprocessing forked, such as a worker of granian, ends without atexit's
    # functions, and runs only these.
    Finalize(None, close, exitpriority=0)
