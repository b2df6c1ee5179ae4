"""The use case for many numbers, or one, that are the same again for the same idempotency key.

A caller who did not hear the answer may ask again with the same `Idempotency-Key` (IETF draft
draft-ietf-httpapi-idempotency-key-header) and gets the very same numbers, from any instance. What
is recorded is one row: the key, a fingerprint of the request, the serials. The numbers themselves
are written anew from the serials; none is stored.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime

from tracking_service.allocation import Block
from tracking_service.clock import utc_now
from tracking_service.numbering import Format, Shipment
from tracking_service.records import RecordedBatch
from tracking_service.services.issue import Issuer
from tracking_service.store.batches import BatchStore

CHUNK = 10_000
"""Numbers written at a time: few milliseconds, and memory that does not grow with the batch."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Serials that were spent together, and how they are written."""

    format: Format
    shipment: Shipment
    blocks: tuple[Block, ...]
    issued_at: datetime

    def __len__(self) -> int:
        return sum(map(len, self.blocks))

    @property
    def first(self) -> str:
        """The first of the numbers."""
        return self.format.encode(self.blocks[0].start, self.shipment, self.issued_at.timestamp())

    def chunks(self) -> Iterator[bytes]:
        """The numbers, `format.width` bytes each with nothing between, up to CHUNK at a time."""
        moment = self.issued_at.timestamp()
        for block in self.blocks:
            for start in range(block.start, block.end, CHUNK):
                end = min(start + CHUNK, block.end)
                yield self.format.encode_many(start, end, self.shipment, moment)


class Batches:
    """Issues one or many numbers, and the same again for the same idempotency key.

    Its methods may be called from any number of threads.
    """

    def __init__(
        self,
        issuer: Issuer,
        store: BatchStore,
        *,
        keep_seconds: float,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        """`keep_seconds` is how long a key is remembered after its batch was issued; `now` is the
        moment that a batch shows.
        """
        self._issuer = issuer
        self._store = store
        self._keep_seconds = keep_seconds
        self._now = now

    def issue(
        self, shipment: Shipment, count: int, series: str, *, key: str | None, fingerprint: str
    ) -> Batch:
        """Issue `count` numbers, or those that were issued for `key` before.

        Raises what `Issuer.issue` does, and with a key what `BatchStore` does. A key costs one
        transaction to look for it, and one more if it is new: no lock is held while numbers are
        issued. They are recorded before the batch is returned, so that a retry gets the same.
        """
        recorded = None if key is None else self._store.find(key, fingerprint)
        if recorded is not None:
            number_format = self._issuer.format_of(recorded.series or series)
        else:
            giver, number_format, blocks = self._issuer.issue_many(shipment, count, series)
            issued = RecordedBatch(blocks, self._now(), None if giver == series else giver)
            recorded = issued
            if key is not None:
                recorded = self._store.record(
                    key, fingerprint, issued, keep_seconds=self._keep_seconds
                )
            if recorded.series != issued.series:
                # Another request with this key was first, and got serials of another series.
                number_format = self._issuer.format_of(recorded.series or series)
        return Batch(number_format, shipment, recorded.blocks, recorded.issued_at)

    def check(self, shipment: Shipment, series: str, *, key: str, fingerprint: str) -> None:
        """Raise what `issue` would of this request and key, and spend nothing."""
        recorded = self._store.find(key, fingerprint)
        if recorded is None:
            self._issuer.check(shipment, series)
        else:
            self._issuer.format_of(recorded.series or series)
