"""The use case for many numbers at once: issued together, and the same again for the same key.

A caller who did not hear the answer may ask again with the same `Idempotency-Key` (IETF draft
draft-ietf-httpapi-idempotency-key-header) and gets the very same numbers, from any instance. What
is recorded is one row: the key, a fingerprint of the request, the serials. The numbers themselves
are written anew from the serials; none is stored.
"""

import logging
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol

from tracking_service.allocation import Block
from tracking_service.errors import BatchInProgressError, StoreError, TrackingServiceError
from tracking_service.numbering import Format, Shipment
from tracking_service.services.issue import Issuer

log = logging.getLogger(__name__)

CHUNK = 10_000
"""Numbers written at a time: few milliseconds, and memory that does not grow with the batch."""

CLAIM_SECONDS = 15.0
"""How long a key is kept for whoever began with it and has not finished, alive or not."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Serials that were spent together, and how they are written."""

    format: Format
    shipment: Shipment
    blocks: tuple[Block, ...]
    issued_at: datetime

    def __len__(self) -> int:
        return sum(map(len, self.blocks))

    def chunks(self) -> Iterator[bytes]:
        """The numbers, `format.width` bytes each with nothing between, up to CHUNK at a time."""
        for block in self.blocks:
            for start in range(block.start, block.end, CHUNK):
                end = min(start + CHUNK, block.end)
                yield self.format.encode_many(start, end, self.shipment)


def framed(numbers: bytes, width: int, before: bytes, after: bytes) -> bytes:
    """Put `before` and `after` around each of the numbers, which are `width` bytes each."""
    import numpy as np

    rows = np.frombuffer(numbers, dtype=np.uint8).reshape(-1, width)
    frame = np.frombuffer(before + bytes(width) + after, dtype=np.uint8)
    table = np.tile(frame, (len(rows), 1))
    table[:, len(before) : len(before) + width] = rows
    return table.tobytes()


class RecordedBatch(Protocol):
    """What was issued for a key."""

    @property
    def blocks(self) -> tuple[Block, ...]: ...
    @property
    def issued_at(self) -> datetime: ...


class BatchRecords(Protocol):
    """Where keys and what was issued for them are kept. Every method may raise StoreError."""

    def claim(
        self, key: str, fingerprint: str, token: str, *, now: datetime, until: datetime
    ) -> RecordedBatch | None:
        """Claim a key, or return what was issued for it.

        Raises BatchKeyReusedError where the fingerprint is another, and BatchInProgressError
        where another's claim has not run out.
        """

    def complete(
        self, key: str, token: str, blocks: Sequence[Block], *, issued_at: datetime, until: datetime
    ) -> bool:
        """Record what was issued; False where the claim had run out and been taken over."""

    def release(self, key: str, token: str) -> None:
        """Give a claim up: nothing was issued."""


class Batches:
    """Issues batches. Its methods may be called from any number of threads."""

    def __init__(self, issuer: Issuer, records: BatchRecords, *, keep_seconds: float) -> None:
        """`keep_seconds` is how long a key is remembered after its batch was issued."""
        self._issuer = issuer
        self._records = records
        self._keep = timedelta(seconds=keep_seconds)

    def issue(
        self, shipment: Shipment, count: int, series: str, *, key: str | None, fingerprint: str
    ) -> Batch:
        """Issue `count` numbers, or those that were issued for `key` before.

        Raises what `Issuer.issue` does, and with a key what `BatchRecords.claim` does. The serials
        are recorded before the batch is returned, so that a retry cannot get others.
        """
        if key is None:
            return self._issue(shipment, count, series)
        token = secrets.token_hex(16)
        now = datetime.now(UTC)
        recorded = self._records.claim(
            key, fingerprint, token, now=now, until=now + timedelta(seconds=CLAIM_SECONDS)
        )
        if recorded is not None:
            number_format = self._issuer.format_of(series)
            return Batch(number_format, shipment, recorded.blocks, recorded.issued_at)
        try:
            batch = self._issue(shipment, count, series)
        except TrackingServiceError:
            self._give_up(key, token)
            raise
        if not self._records.complete(
            key,
            token,
            batch.blocks,
            issued_at=batch.issued_at,
            until=batch.issued_at + self._keep,
        ):
            # Somebody waited no longer. These serials are lost, which costs nothing.
            raise BatchInProgressError
        return batch

    def _issue(self, shipment: Shipment, count: int, series: str) -> Batch:
        number_format, blocks = self._issuer.issue_many(shipment, count, series)
        return Batch(number_format, shipment, blocks, datetime.now(UTC))

    def _give_up(self, key: str, token: str) -> None:
        try:
            self._records.release(key, token)
        except StoreError:
            log.warning("the claim on an idempotency key stays until it runs out")
