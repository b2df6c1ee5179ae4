"""How fast an instance spends serials, from samples of a running total."""

SMOOTHING_SECONDS = 30.0
"""About how long a past rate is remembered; long beside a pause between requests, short beside
the reserve that the rate decides on."""

LEAST_SECONDS = 0.25
"""Samples closer together than this are put off: a few requests in a millisecond are no rate."""

LEAST_RATE = 1e-3
"""Serials a second. A smoothed rate below this counts as 0, which it would never reach."""


class RateMeter:
    """Serials a second. Times are of a monotonic clock: the wall clock may jump."""

    def __init__(self) -> None:
        self._total = 0
        self._at: float | None = None
        self._smoothed = 0.0
        self._latest = 0.0

    def sample(self, total: int, now: float) -> None:
        """Record that `total` serials had been spent at the moment `now`."""
        if self._at is None:
            self._total, self._at = total, now
            return
        elapsed = now - self._at
        if elapsed < LEAST_SECONDS:
            return
        self._latest = (total - self._total) / elapsed
        weight = min(1.0, elapsed / SMOOTHING_SECONDS)
        self._smoothed += weight * (self._latest - self._smoothed)
        if self._smoothed < LEAST_RATE:
            self._smoothed = 0.0
        self._total, self._at = total, now

    @property
    def rate(self) -> float:
        """The smoothed rate, or the latest if it is higher: a rise counts at once."""
        return max(self._smoothed, self._latest)
