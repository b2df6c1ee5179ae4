"""Every error that this service raises on purpose, as one tree.

Standard library only, so that every layer may import it. An error knows nothing of HTTP or of exit
codes: `api/problems.py` maps it to a status, `cli/` to an exit code. The first line of a class's
docstring is its default message.
"""

from typing import ClassVar


class TrackingServiceError(Exception):
    """The tracking number service failed."""

    transient: ClassVar[bool] = False
    """Whether the same call may succeed later without a change by an operator."""
    concerns_one_series: ClassVar[bool] = False
    """Whether other series can still be leased from."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(self._default_message() if message is None else message)

    @classmethod
    def _default_message(cls) -> str:
        return (cls.__doc__ or "").strip().splitlines()[0]

    @property
    def public_message(self) -> str:
        """The message for callers, without paths and addresses."""
        return str(self)


class SettingsError(TrackingServiceError):
    """A setting is unknown, unparsable or out of range."""


# Issuing: no number can be given now.


class AllocationError(TrackingServiceError):
    """No serial could be allocated."""


class InternalError(TrackingServiceError):
    """The service met a fault of its own, as the log says."""


class ReserveEmptyError(AllocationError):
    """This instance has no serials left in memory and could not lease more in time."""

    transient = True

    def __init__(self, message: str | None = None, *, retry_after: int = 1) -> None:
        """`retry_after` is in whole seconds, at least 1."""
        super().__init__(message)
        self.retry_after = retry_after


class SeriesExhaustedError(AllocationError):
    """Every serial of this series has been leased."""

    concerns_one_series = True


class SeriesClosedError(SeriesExhaustedError):
    """This series is closed."""

    @classmethod
    def of(cls, series: str) -> "SeriesClosedError":
        """The error for the series of this name."""
        return cls(f"the series {series} is closed and gives no more numbers")


class HighWaterMarkError(AllocationError):
    """A file of high-water marks cannot be read or written."""

    @property
    def public_message(self) -> str:
        """The class's default message; the log names the file."""
        return self._default_message()


class ImpossibleMarkError(HighWaterMarkError):
    """The high-water mark of this series lies beyond the end of the series."""

    concerns_one_series = True


class ShuttingDownError(AllocationError):
    """This instance is shutting down and gives no more numbers."""


class UnknownSeriesError(TrackingServiceError):
    """There is no series of this name."""

    concerns_one_series = True

    def __init__(self, name: str) -> None:
        super().__init__(f"there is no series named {name!r}")
        self.name = name


class InvalidSeriesError(TrackingServiceError):
    """A series cannot be made, or skipped, in this way."""


class InvalidPatternError(InvalidSeriesError):
    """The pattern of a series is wrong."""


class ShipmentRefusedError(TrackingServiceError):
    """The series' format cannot write a number for this shipment."""

    def __init__(self, parameter: str, message: str) -> None:
        super().__init__(message)
        self.parameter = parameter


class BatchKeyReusedError(TrackingServiceError):
    """This idempotency key belongs to another request."""


class SpeculativeRequestError(TrackingServiceError):
    """A number is not issued ahead of being asked for; this request says that it is a prefetch."""


# Who may ask.


class MissingTokenError(TrackingServiceError):
    """This needs a token, and the request brings none."""


class InvalidTokenError(TrackingServiceError):
    """The token is invalid or revoked."""


class MissingScopeError(TrackingServiceError):
    """The key is not for this."""


class SeriesNotAllowedError(TrackingServiceError):
    """The key is for other series."""


class KeysUnavailableError(TrackingServiceError):
    """Whether the token is good cannot be looked up now."""


class InvalidKeyError(TrackingServiceError):
    """A key cannot be made with these properties."""


class KeyExistsError(TrackingServiceError):
    """There is a key of this name already."""


class UnknownKeyError(TrackingServiceError):
    """There is no such key, or it has been revoked already."""


# Reading a number back.


class NumberError(TrackingServiceError):
    """This is not a tracking number of this service."""

    def __init__(self, message: str | None = None, *, likely_typo: bool | None = None) -> None:
        """`likely_typo`: exactly one substitution or swap of neighbours would mend it; None if
        nobody looked, for that takes the database.
        """
        super().__init__(message)
        self.likely_typo = likely_typo


class MalformedNumberError(NumberError):
    """This has not the shape of a tracking number."""


class CheckCharacterError(NumberError):
    """The check character does not match."""


class NotIssuedError(NumberError):
    """No such tracking number has been issued."""


# The store.


class StoreError(TrackingServiceError):
    """The database did not do what was asked of it."""


class StoreUnavailableError(StoreError):
    """The database cannot be reached, or did not answer in time."""

    transient = True


class StoreFailedError(StoreError):
    """The database cannot do what is asked of it, as the log says: its disk may be full."""

    @property
    def public_message(self) -> str:
        """The class's default message; the log has the database's own words."""
        return self._default_message()


class UnsafeFileError(StoreError):
    """The SQLite file may be in use by another path, and serials would be leased twice."""


class ConflictError(StoreError):
    """The database refuses a row, as the log says: it contradicts another one."""

    concerns_one_series = True


class SchemaError(StoreError):
    """The database's schema is not the one that this version needs."""


class CounterWentBackwardsError(StoreError):
    """The database leased serials that it had leased before; the series was skipped ahead."""

    concerns_one_series = True


class KeyChangedError(StoreError):
    """The key of a number space is not the one that this instance began with."""

    concerns_one_series = True

    @classmethod
    def of(cls, number_space: str) -> "KeyChangedError":
        """The error for the number space of this name."""
        return cls(
            f"the key of number space {number_space} is not the one that this instance began with;"
            " no number is issued under a second key"
        )


class SeriesExistsError(StoreError):
    """A series of this name exists already."""


class PatternTakenError(StoreError):
    """A number of this pattern could be read as one of another series."""


class NumberSpaceTakenError(StoreError):
    """This number space has no room for another series."""


class MovedError(StoreError):
    """The series of this database were moved to another one by an export."""


class ExportError(StoreError):
    """This is not an export that can be imported here."""


class StandbyError(StoreError):
    """A standby has not received what was committed."""
