"""Free TCP ports on the loopback address."""

from __future__ import annotations

import os
import random
import socket
import threading

HOST = "127.0.0.1"

# Below the range from which Linux (32768) and the IANA (49152) take the source ports of outgoing
# connections: a port from there may be taken by a client while its server is down, and a client
# that knocks at such a port can even be connected to itself.
LOWEST, HIGHEST = 15_000, 32_000
# Between the choice of a port and the moment at which its server listens, another may choose: the
# threads of a process never get one twice, and processes started in a row choose from ranges apart.
RANGES = 16
_SIZE = (HIGHEST - LOWEST) // RANGES
_random = random.SystemRandom()


class Ports:
    """Chooses free ports for one process. Its method may be called from any number of threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._chosen: set[int] = set()

    def free_port(self) -> int:
        """A port that nobody listens on now; it stays free unless someone asks for just this one."""
        lowest = LOWEST + os.getpid() % RANGES * _SIZE
        for _ in range(100):
            port = self._choose(lowest)
            with socket.socket() as probe:
                # As servers do, so that a port whose last connections are in TIME_WAIT is free.
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    probe.bind((HOST, port))
                except OSError:
                    continue
                return port
        raise RuntimeError(f"found no free port from {LOWEST} to {HIGHEST}")

    def _choose(self, lowest: int) -> int:
        """A port of the range from `lowest` that was not chosen before, while there is one."""
        with self._lock:
            if len(self._chosen) >= _SIZE:
                self._chosen.clear()
            free = [p for p in range(lowest, lowest + _SIZE) if p not in self._chosen]
            port = _random.choice(free)
            self._chosen.add(port)
            return port


free_port = Ports().free_port


def listens(port: int) -> bool:
    """Whether something accepts connections on `port`."""
    try:
        socket.create_connection((HOST, port), timeout=1).close()
    except OSError:
        return False
    return True
