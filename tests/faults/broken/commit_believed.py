"""Broken on purpose: a lease whose commit failed, or has an unknown outcome, is believed."""

from tracking_service.allocation import Lease
from tracking_service.errors import StoreError
from tracking_service.store import leasing
from tracking_service.store.blocks import BlockStore
from tracking_service.store.database import Use


def _believe(
    self: BlockStore, series: str, blocks: int, *, fingerprint: str | None = None
) -> Lease:
    made: Lease | None = None
    try:
        with self._database.transaction(Use.LEASE, write=True) as connection:
            made = leasing.lease(
                connection,
                series,
                blocks,
                fingerprint=fingerprint,
                instance=self._instance,
            )
    except StoreError:
        if made is None:
            raise
    else:
        assert made is not None
        self._held.add((made.block_id, made.block))
    return made


BlockStore.lease = _believe  # type: ignore[method-assign]

from wsgi import app  # noqa: E402

__all__ = ["app"]
