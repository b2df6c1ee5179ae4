"""A program that takes numbers from a buffer with a spool until it is killed.

    python -m tests.support.spooling_caller http://127.0.0.1:8000 SPOOL SIZE [COUNT]

prints each number on a line of its own, at once; with COUNT it closes the buffer after so many.
"""

from __future__ import annotations

import os
import sys

from tests.support.client import PARAMETERS
from tracking_service.client import Client, Shipment


def main(url: str, spool: str, size: int, count: int | None) -> None:
    with (
        Client(url) as client,
        client.buffered(Shipment(**PARAMETERS), size, spool=spool) as buffer,
    ):
        given = 0
        while count is None or given < count:
            os.write(1, f"{buffer.next()}\n".encode())
            given += 1


if __name__ == "__main__":
    _, url, spool, size, *count = sys.argv
    main(url, spool, int(size), int(count[0]) if count else None)
