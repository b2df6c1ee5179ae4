"""One FF1 object, many threads."""

import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tracking_service.numbering import Format, Shipment
from tracking_service.numbering.builtin import ROUTED
from tracking_service.numbering.ff1 import FF1

KEY = bytes(range(32))
THREADS = 8
SERIALS = 2_000


@pytest.fixture
def impatient_threads() -> Iterator[None]:
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(interval)


@pytest.mark.usefixtures("impatient_threads")
def test_threads_that_share_a_format_write_what_one_thread_writes() -> None:
    shipments = [Shipment("MY", "ID"), Shipment("SG", "DE"), Shipment("DE", "SG")]
    alone = Format(ROUTED, KEY)
    expected = [alone.encode(serial, shipments[serial % 3]) for serial in range(SERIALS)]
    shared = Format(ROUTED, KEY)
    together = threading.Barrier(THREADS)

    def run(_: int) -> tuple[list[str], list[int]]:
        together.wait()
        numbers = [shared.encode(serial, shipments[serial % 3]) for serial in range(SERIALS)]
        return numbers, [shared.decode(number).serial for number in numbers]

    with ThreadPoolExecutor(THREADS) as pool:
        results = list(pool.map(run, range(THREADS)))

    assert all(numbers == expected for numbers, _ in results)
    assert all(serials == list(range(SERIALS)) for _, serials in results)


def test_a_thread_deep_in_aes_stops_no_other() -> None:
    """A context shared by the two would fail with 'Already borrowed'."""
    permutation = FF1(KEY, radix=36, length=11, tweak_length=4).permutation(b"MYID")
    expected = permutation.encrypt(1)
    begun, enough = threading.Event(), threading.Event()

    def work_long() -> None:
        # From 2048 bytes on the library gives up the GIL for as long as a round's call takes.
        while not enough.is_set():
            permutation.encrypt_many(0, 2**20)
            begun.set()

    busy = threading.Thread(target=work_long)
    busy.start()
    try:
        assert begun.wait(timeout=30)
        results = {permutation.encrypt(1) for _ in range(20_000)}
    finally:
        enough.set()
        busy.join()

    assert results == {expected}
