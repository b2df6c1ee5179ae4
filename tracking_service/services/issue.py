"""The use case: a valid shipment in, an issued tracking number out. Knows no HTTP and no SQL.

Issuing is a look-up in a dictionary, a serial from memory and some arithmetic; the database is
asked by the instance's leasing thread alone.
"""

from collections.abc import Callable
from typing import TypeVar

from tracking_service.allocation import Block
from tracking_service.clock import wall_time
from tracking_service.errors import ReserveEmptyError, SeriesClosedError, SeriesExhaustedError
from tracking_service.instance.instance import Instance
from tracking_service.instance.number_spaces import DEFAULT_SERIES
from tracking_service.instance.series import OpenSeries
from tracking_service.numbering import Format, Shipment

T = TypeVar("T")


class Issuer:
    """Issues tracking numbers. Its methods may be called from any number of threads."""

    def __init__(self, instance: Instance) -> None:
        self._instance = instance

    def issue(self, shipment: Shipment, series: str = DEFAULT_SERIES) -> tuple[str, float]:
        """Issue one number: it was never handed out before and never will be again.

        Return it and the moment of issue, in seconds since 1970, which is the one that it shows.

        A series that has no serials left gives way to its successor. Raises ShipmentRefusedError
        and UnknownSeriesError before anything is spent, and ReserveEmptyError,
        SeriesExhaustedError, SeriesClosedError or ShuttingDownError if there is no number to give.
        At a series' first use also KeyChangedError and SchemaError.
        """
        opened = self._series(series)
        if opened.supply.exhausted:
            opened = self._instance.first_with_serials(opened)
        number = opened.numbers_ahead.take_number(shipment)
        if number is not None:
            return number, wall_time()
        opened.format.check(shipment)
        opened, serial = self._take(opened, OpenSeries.next)
        # After that, for it may have waited for a lease.
        moment = wall_time()
        return opened.format.encode(serial, shipment, moment), moment

    def issue_many(
        self, shipment: Shipment, count: int, series: str = DEFAULT_SERIES
    ) -> tuple[str, Format, tuple[Block, ...]]:
        """Spend `count` serials at once, all of one series; raises as `issue`.

        Return the series, which may be a successor of the one that is asked for, and its format.
        """
        opened = self._series(series)
        if opened.supply.exhausted:
            opened = self._instance.first_with_serials(opened)
        opened.format.check(shipment)
        opened, blocks = self._take(opened, lambda each: each.take(count))
        return opened.name, opened.format, blocks

    def format_of(self, series: str) -> Format:
        """The format of a series.

        Raises UnknownSeriesError, or ReserveEmptyError if the database does not answer.
        """
        return self._series(series).format

    def known_format(self, series: str) -> Format | None:
        """The format of a series, which is not opened for it, so that nothing is leased.

        A series that is not open is read from the database; None if the database is away. Raises
        UnknownSeriesError, SeriesClosedError and StoreError.
        """
        opened = self._instance.registry.open.get(series)
        if opened is not None:
            _check_open(opened)
            return opened.format
        if self._instance.health.database == "away":
            return None
        return self._instance.number_spaces.find(series).format

    def check(self, shipment: Shipment, series: str = DEFAULT_SERIES) -> None:
        """Raise what `issue` would of this shipment and series, and spend nothing."""
        opened = self._series(series)
        _check_open(opened)
        opened.format.check(shipment)

    def _series(self, name: str) -> OpenSeries:
        """The open series of this name; raises as `Instance.wait_for_series` at its first use."""
        return self._instance.registry.open.get(name) or self._instance.wait_for_series(name)

    def _take(self, opened: OpenSeries, take: Callable[[OpenSeries], T]) -> tuple[OpenSeries, T]:
        """Take from a series, or else from the first of its successors that has enough."""
        tried = set()
        while True:
            try:
                return opened, take(opened)
            except (SeriesExhaustedError, ReserveEmptyError) as error:
                # While a lease may still come, only a successor with serials in memory stands in.
                registry = self._instance.registry
                late = error.transient and not registry.successor_has_serials(opened.name)
                tried.add(opened.name)
                successor = opened.supply.successor
                if late or successor is None or successor in tried:
                    raise
            opened = self._series(successor)


def _check_open(opened: OpenSeries) -> None:
    """Raise SeriesClosedError for a series that is closed and has no successor."""
    if opened.supply.is_closed and opened.supply.successor is None:
        raise SeriesClosedError.of(opened.name)
