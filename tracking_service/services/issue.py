"""The use case: a valid shipment in, an issued tracking number out. Knows no HTTP and no SQL.

Issuing is a look-up in a dictionary, a serial from memory and some arithmetic; the database is
asked by the instance's leasing thread alone.
"""

from tracking_service.allocation import Block
from tracking_service.clock import wall_time
from tracking_service.instance.instance import Instance
from tracking_service.instance.number_spaces import DEFAULT_SERIES
from tracking_service.numbering import Format, Shipment


class Issuer:
    """Issues tracking numbers. Its methods may be called from any number of threads."""

    def __init__(self, instance: Instance) -> None:
        self._instance = instance

    def issue(self, shipment: Shipment, series: str = DEFAULT_SERIES) -> tuple[str, float]:
        """Issue one number: it was never handed out before and never will be again.

        Return it and the moment of issue, in seconds since 1970, which is the one that it shows.

        Raises ShipmentRefusedError and UnknownSeriesError before anything is spent, and
        ReserveEmptyError, SeriesExhaustedError or ShuttingDownError if there is no number to give.
        At a series' first use also KeyChangedError and SchemaError.
        """
        opened = self._instance.series(series)
        number = opened.take_written(shipment)
        if number is not None:
            return number, wall_time()
        opened.format.check(shipment)
        serial = opened.next()
        # After that, for it may have waited for a lease.
        moment = wall_time()
        return opened.format.encode(serial, shipment, moment), moment

    def issue_many(
        self, shipment: Shipment, count: int, series: str = DEFAULT_SERIES
    ) -> tuple[Format, tuple[Block, ...]]:
        """Spend `count` serials at once; return the format that writes them. Raises as `issue`."""
        opened = self._instance.series(series)
        opened.format.check(shipment)
        return opened.format, opened.take(count)

    def format_of(self, series: str) -> Format:
        """The format of a series. Raises UnknownSeriesError, and ReserveEmptyError in its stead
        where the database does not answer.
        """
        return self._instance.series(series).format

    def known_format(self, series: str) -> Format | None:
        """The format of a series, which is not opened for it, so that nothing is leased.

        A series that is not open is read from the database; None if the database is away. Raises
        UnknownSeriesError and StoreError.
        """
        opened = self._instance.registry.open.get(series)
        if opened is not None:
            return opened.format
        if self._instance.health.database == "away":
            return None
        return self._instance.number_spaces.find(series).format

    def check(self, shipment: Shipment, series: str = DEFAULT_SERIES) -> None:
        """Raise what `issue` would of this shipment and series, and spend nothing."""
        self.format_of(series).check(shipment)
