"""What the allocation core tells of itself, for metrics; and the form that listens to nothing."""

from typing import Protocol


class Observer(Protocol):
    """Called from the leasing thread and at shutdown, never while a number is handed out."""

    def leased(self, series: str, serials: int, seconds: float) -> None:
        """A lease gave `serials` after `seconds`."""

    def lease_failed(self, error: Exception, seconds: float) -> None:
        """A lease, or what comes with it, failed after `seconds`."""

    def went_backwards(self, series: str) -> None:
        """A database claimed less of a series than is known, and was skipped ahead."""

    def new_timeline(self, series: str) -> None:
        """The database had begun another history, and skipped a series ahead before a lease."""

    def handed_back(self, series: str, serials: int) -> None:
        """`serials` that were not spent went back at shutdown."""

    def looked_after(self) -> None:
        """The leasing thread has come round, as it does about once a second."""


class NullObserver:
    """Listens to nothing."""

    def leased(self, series: str, serials: int, seconds: float) -> None: ...
    def lease_failed(self, error: Exception, seconds: float) -> None: ...
    def went_backwards(self, series: str) -> None: ...
    def new_timeline(self, series: str) -> None: ...
    def handed_back(self, series: str, serials: int) -> None: ...
    def looked_after(self) -> None: ...
