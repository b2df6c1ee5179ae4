"""The block store over SQLAlchemy: each call is one transaction of its own on the lease engine."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime

from sqlalchemy import Connection, Engine, text

from tracking_service.allocation import Block, Lease, Mark
from tracking_service.errors import SeriesExhaustedError
from tracking_service.store import leasing, release, skips
from tracking_service.store.database.deadline import transaction
from tracking_service.store.database.errors import translated


class SqlBlockStore:
    """Leases to one instance. Implements the `BlockStore` of the allocation core.

    Where a commit's outcome is unknown the driver raises, and so no block is returned: it is
    thrown away. `now` gives the moment to record; nothing depends on it.
    """

    def __init__(
        self,
        engine: Engine,
        *,
        instance: str,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._engine = engine
        self._instance = instance
        self._now = now
        self._held: set[int] = set()

    @property
    def instance(self) -> str:
        """The name that blocks are leased in."""
        return self._instance

    def lease(self, series: str, blocks: int, *, fingerprint: str | None = None) -> Lease:
        """See `BlockStore`."""
        with self._transaction() as connection:
            lease = leasing.lease(
                connection,
                series,
                blocks,
                fingerprint=fingerprint,
                instance=self._instance,
                now=self._now(),
            )
        # Only here is the commit known.
        if lease is None:
            raise SeriesExhaustedError(
                f"series exhausted: what {series} had left was skipped after a failover"
            )
        self._held.add(lease.block_id)
        return lease

    def skip_past(self, series: str, mark: Mark, refused: Block) -> None:
        """See `BlockStore`."""
        with self._transaction() as connection:
            skips.skip_past(
                connection, series, mark, refused, instance=self._instance, now=self._now()
            )

    def skip_to(self, series: str, *, to: int | None = None, by: int | None = None) -> Block:
        """Skip ahead at an operator's word; return what was left out."""
        with self._transaction() as connection:
            return skips.skip_to(
                connection, series, to=to, by=by, instance=self._instance, now=self._now()
            )

    def hand_back(self, series: str, unspent: Sequence[Block]) -> int:
        """See `BlockStore`."""
        with self._transaction() as connection:
            return release.hand_back(
                connection,
                series,
                unspent,
                self._held,
                instance=self._instance,
                now=self._now(),
            )

    def ping(self) -> None:
        """See `BlockStore`."""
        with translated(), transaction(self._engine) as connection:
            connection.execute(text("SELECT 1"))

    @contextmanager
    def _transaction(self) -> Iterator[Connection]:
        with translated(), transaction(self._engine) as connection:
            yield connection
