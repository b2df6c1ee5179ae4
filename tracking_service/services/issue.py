"""The use case: a valid shipment in, an issued tracking number out. Knows no HTTP and no SQL.

An `Issuer` is what one instance is: its name, the series it has opened, and the thread that
leases for them. Issuing is a look-up in a dictionary, a serial from memory and some arithmetic;
the database is asked by the refiller's thread alone.
"""

import logging
import math
import time
from collections.abc import Callable, Mapping
from concurrent.futures import CancelledError
from copy import copy
from dataclasses import dataclass

from tracking_service.allocation import (
    Allocator,
    Block,
    BlockStore,
    NullObserver,
    Observer,
    ReservePlan,
    Witness,
    WitnessedLeases,
)
from tracking_service.errors import (
    ClosedError,
    ReserveEmptyError,
    StoreError,
    TrackingServiceError,
    UnknownSeriesError,
)
from tracking_service.instance.database_health import DatabaseState
from tracking_service.instance.leaser import Refiller
from tracking_service.instance.number_spaces import DEFAULT_SERIES, SeriesSource, Spaces
from tracking_service.instance.process import close_at_end, forget_in_child, instance_name
from tracking_service.instance.series import Supply
from tracking_service.instance.wait_limiter import Waiting
from tracking_service.numbering import Format, Shipment
from tracking_service.services.readiness import Readiness, standing

log = logging.getLogger(__name__)

_UNKNOWN_SECONDS = 1.0
"""For how long a name that no series has is refused without asking again: short, for a new series
is to be found soon."""

_UNKNOWN_MOST = 1024
"""Names remembered as unknown; anybody can think of more, so all are dropped then."""


@dataclass(frozen=True, slots=True)
class OpenSeries:
    """A series that this instance has begun to issue from."""

    format: Format
    allocator: Allocator
    supply: Supply


class Issuer:
    """Issues tracking numbers. Its methods may be called from any number of threads.

    `store_for` makes the block store of an instance of a given name; `after_fork` is called in
    the child of a fork, and drops what the child must not share with its parent; `spaces` are those
    that requests read numbers with, from a catalogue of their own. `reserve_seconds`,
    `wait_seconds` and `waiting_requests` are the settings of these names.
    """

    def __init__(
        self,
        store_for: Callable[[str], BlockStore],
        catalogue: SeriesSource,
        witness: Witness,
        *,
        reserve_seconds: float = 900.0,
        wait_seconds: float = 2.0,
        waiting_requests: int = 2,
        observer: Observer | None = None,
        after_fork: Callable[[], None] = lambda: None,
        spaces: Spaces | None = None,
    ) -> None:
        self.spaces = spaces or Spaces(catalogue)
        self._store_for = store_for
        self._catalogue = catalogue
        self._witness = witness
        self._plan = ReservePlan(reserve_seconds)
        self._wait_seconds = wait_seconds
        self._waiting_requests = waiting_requests
        self._observer = observer or NullObserver()
        self._after_fork = after_fork
        self._begin()
        forget_in_child(self)
        close_at_end(self)

    def _begin(self) -> None:
        self.instance = instance_name()
        self._store = self._store_for(self.instance)
        self._refiller = Refiller(
            self._open_series,
            ping=self._store.ping,
            observer=self._observer,
            instance=lambda: self.instance,
        )
        # Read without a lock: it is never changed, only exchanged, by the refiller's thread.
        self._open: Mapping[str, OpenSeries] = {}
        # Names that no series has, and when that was found out. Used without a lock: what two
        # threads do to it at once costs a question to the database at the most.
        self._unknown: dict[str, float] = {}
        self._waiting = Waiting(self._waiting_requests, failing=lambda: self._refiller.failing)
        # Each is set once and by one thread; others may see it a moment late.
        self._leaving = False
        self._closing = False
        self._handed_back = False

    def start(self) -> None:
        """Start leasing for the default series, in the background; once is enough.

        Nothing is leased before, so that an app that is only made, or forked, holds nothing. The
        first request starts it too.
        """
        if not self._closing:
            self._refiller.start()
            self._refiller.open(DEFAULT_SERIES)

    def issue(self, shipment: Shipment, series: str = DEFAULT_SERIES) -> str:
        """Issue one number: it was never handed out before and never will be again.

        Raises ShipmentRefusedError and UnknownSeriesError before anything is spent, and
        ReserveEmptyError, SeriesExhaustedError or ClosedError if there is no number to give. At a
        series' first use also KeyChangedError and SchemaError.
        """
        opened = self._open.get(series) or self._first_use(series)
        opened.format.check(shipment)
        return opened.format.encode(opened.allocator.next(), shipment)

    def issue_many(
        self, shipment: Shipment, count: int, series: str = DEFAULT_SERIES
    ) -> tuple[Format, tuple[Block, ...]]:
        """Spend `count` serials at once; return the format that writes them. Raises as `issue`."""
        opened = self._open.get(series) or self._first_use(series)
        opened.format.check(shipment)
        return opened.format, opened.allocator.take(count)

    def format_of(self, series: str) -> Format:
        """The format of a series. Raises UnknownSeriesError, and ReserveEmptyError in its stead
        where the database does not answer.
        """
        return (self._open.get(series) or self._first_use(series)).format

    def check(self, shipment: Shipment, series: str = DEFAULT_SERIES) -> None:
        """Raise what `issue` would of this shipment and series, and spend nothing."""
        (self._open.get(series) or self._first_use(series)).format.check(shipment)

    def readiness(self) -> Readiness:
        """Whether `issue` would succeed now. Starts an instance that has not been started."""
        if not self._leaving:
            self.start()
        return self.standing()

    def standing(self) -> Readiness:
        """As `readiness`, of the instance as it stands: starts nothing, so leases nothing."""
        opened = self._open.get(DEFAULT_SERIES)
        supply = None if opened is None else opened.supply
        return standing(supply, self._refiller, leaving=self._leaving)

    def has_spent(self, series: str, serial: int, instance: str) -> bool:
        """Whether `instance`, which leased the serial, is this one and has handed it out."""
        opened = self._open.get(series)
        return (
            opened is not None and instance == self.instance and opened.allocator.has_spent(serial)
        )

    @property
    def supplies(self) -> tuple[Supply, ...]:
        """The supplies of the series that are open."""
        return self._refiller.supplies

    @property
    def database(self) -> DatabaseState:
        """Whether the database answers, as far as the leasing thread knows."""
        return self._refiller.database

    @property
    def failing(self) -> bool:
        """Whether no block will come soon, as far as the leasing thread knows."""
        return self._refiller.failing

    def stop_being_ready(self) -> None:
        """Answer `readiness` with no from now on, and go on issuing: a shutdown has begun."""
        self._leaving = True

    def close(self, seconds: float = 5.0) -> bool:
        """Issue no more and hand back what was not spent; return whether that was recorded.

        It takes `seconds` at the most: where the database hangs, the serials are lost instead.
        Called again it takes no time, and says whether that has been recorded by now.
        """
        if self._closing:
            seconds = 0.0
        self._leaving = self._closing = True
        for opened in self._open.values():
            opened.allocator.close()
        # The leasing thread does it when it ends: for a lease may be under way, a database that
        # hangs must not keep the process, and an interpreter that ends starts no new thread.
        return self._refiller.stop(seconds, self._hand_back) and self._handed_back

    def _hand_back(self) -> None:
        for series, opened in self._open.items():
            try:
                serials = self._store.hand_back(series, opened.supply.close())
            except StoreError as error:
                log.warning(
                    "serials could not be handed back",
                    extra={"series": series, "error": str(error)},
                )
                return
            self._observer.handed_back(series, serials)
        self._handed_back = True

    def forget(self) -> None:
        """Drop everything that a fork copied: the blocks, which are the parent's, and the rest."""
        self._after_fork()
        self._begin()

    def _open_series(self, name: str) -> Supply:
        """Make what is needed to issue from a series. Called in the refiller's thread."""
        record = self._catalogue.find(name)
        space = self.spaces.of(record)
        allocator = Allocator(
            name,
            on_low=self._refiller.call,
            wait_seconds=self._wait_seconds,
            waiting=self._waiting,
        )
        supply = Supply(
            allocator,
            WitnessedLeases(
                name,
                fingerprint=space.fingerprint,
                store=self._store,
                witness=self._witness,
                observer=self._observer,
            ),
            block_size=record.block_size,
            plan=self._plan,
            observer=self._observer,
        )
        self._open = {**self._open, name: OpenSeries(space.format, allocator, supply)}
        return supply

    def _first_use(self, name: str) -> OpenSeries:
        """Open a series that this instance has not issued from, waiting for it a bounded time."""
        if self._closing:
            raise ClosedError
        if time.monotonic() - self._unknown.get(name, -math.inf) < _UNKNOWN_SECONDS:
            raise UnknownSeriesError(name)
        self.start()
        future = self._refiller.open(name)
        try:
            with self._waiting.one(self._wait_seconds) as wait:
                if self._waiting.failing() and not (future.done() or wait.has_place()):
                    raise ReserveEmptyError
                future.result(wait.left())
        except UnknownSeriesError:
            if len(self._unknown) >= _UNKNOWN_MOST:
                self._unknown.clear()
            self._unknown[name] = time.monotonic()
            raise UnknownSeriesError(name) from None
        except TrackingServiceError as error:
            # Many may wait for one future, and an error is not to be raised twice.
            raise copy(error) from None
        except CancelledError:
            raise ClosedError from None
        except TimeoutError:
            raise ReserveEmptyError from None
        return self._open[name]
