"""What the allocation core reports for metrics."""

from typing import Protocol


class Observer(Protocol):
    """Called from the leasing thread and at shutdown, never while a number is handed out."""

    def leased(self, series: str, serials: int, seconds: float) -> None:
        """A lease gave `serials` after `seconds`."""

    def lease_failed(self, error: Exception, seconds: float) -> None:
        """A lease, or its record, failed after `seconds`."""

    def went_backwards(self, series: str) -> None:
        """A database went backwards in a series, which was skipped ahead."""

    def new_timeline(self, series: str) -> None:
        """The database had begun another history, and skipped a series ahead."""

    def handed_back(self, series: str, serials: int) -> None:
        """`serials` unspent serials were handed back at shutdown."""

    def round_done(self) -> None:
        """The leasing thread has done a round, about once a second."""


class NullObserver:
    """Does nothing."""

    def leased(self, series: str, serials: int, seconds: float) -> None: ...
    def lease_failed(self, error: Exception, seconds: float) -> None: ...
    def went_backwards(self, series: str) -> None: ...
    def new_timeline(self, series: str) -> None: ...
    def handed_back(self, series: str, serials: int) -> None: ...
    def round_done(self) -> None: ...
