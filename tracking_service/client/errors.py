"""Every error that the client raises, as one tree.

`Refused` needs another request, `Unavailable` another moment. Causes are chained: an `Unreachable`
has the HTTP library's error as its `__cause__`, a `BufferEmpty` what the last fetch failed with, if
any did.
"""

from collections.abc import Mapping
from dataclasses import dataclass

LONGEST_TEXT = 500
"""Characters of a problem that an error's message has; `problem` has all."""


def one_line(text: str) -> str:
    """Return what fits into a line of a log: a stranger may have written it."""
    cut = text if len(text) <= LONGEST_TEXT else f"{text[:LONGEST_TEXT]}…"
    return "".join(each if each.isprintable() else " " for each in cut)


@dataclass(frozen=True, slots=True)
class Problem:
    """The body of an error, as RFC 9457 has it. An error without one has the type `about:blank`."""

    status: int
    type: str = "about:blank"
    title: str = ""
    detail: str = ""
    errors: tuple[tuple[str, str], ...] = ()
    """(parameter, message) of each fault of the request."""
    likely_typo: bool = False

    def __str__(self) -> str:
        faults = "; ".join(f"{parameter} {message}" for parameter, message in self.errors)
        return (
            f"{self.status} {one_line(faults or self.detail or self.title or 'without a reason')}"
        )


class ClientError(Exception):
    """The client could not do what was asked of it."""

    def __init__(
        self, message: str, *, problem: Problem | None = None, request_id: str | None = None
    ) -> None:
        """`request_id` finds the request in the service's logs."""
        super().__init__(message)
        self.problem = problem
        self.request_id = request_id


class Refused(ClientError):
    """The service refused the request. The same request will be refused again."""


class BadRequest(Refused):
    """The request is not valid."""

    @property
    def errors(self) -> Mapping[str, tuple[str, ...]]:
        """The messages for each parameter that is at fault."""
        found: dict[str, tuple[str, ...]] = {}
        for parameter, message in self.problem.errors if self.problem else ():
            found[parameter] = (*found.get(parameter, ()), message)
        return found


class InvalidNumber(BadRequest):
    """This is not a tracking number of the service."""

    @property
    def likely_typo(self) -> bool:
        """Whether one other character, or a swap of two neighbours, would make it valid."""
        return self.problem is not None and self.problem.likely_typo


class UnknownNumber(Refused):
    """No such tracking number has been issued."""


class Unauthorized(Refused):
    """The token is missing, invalid or revoked."""


class Forbidden(Refused):
    """The token's API key does not allow this call, or not for this series."""


class IdempotencyKeyReused(Refused):
    """The idempotency key belongs to another request."""


class Unavailable(ClientError):
    """The service could not answer in the time that the call had. A later call may succeed."""

    def __init__(
        self,
        message: str,
        *,
        problem: Problem | None = None,
        request_id: str | None = None,
        retry_after: float | None = None,
    ) -> None:
        """`retry_after` is in seconds; None where the service did not say."""
        super().__init__(message, problem=problem, request_id=request_id)
        self.retry_after = retry_after


class Unreachable(Unavailable):
    """No answer came: the connection failed, was cut off or timed out."""


class RequestInProgress(Unavailable):
    """Another request with this idempotency key is being answered."""


class DatabaseUnavailable(Unavailable):
    """The service cannot reach its database, and this call needs it."""


class SeriesExhausted(Unavailable):
    """The series has no numbers left until an operator extends it."""


class BufferEmpty(Unavailable):
    """The buffer has no number left and could not fetch more in time."""


class UnexpectedAnswer(ClientError):
    """The answer is none that the service gives; something else may listen at this address."""


class Closed(ClientError):
    """The client or the buffer has been closed."""


class InvalidSetting(ClientError, ValueError):
    """A client or a buffer cannot be made with this."""


class SpoolError(ClientError):
    """The spool file cannot be used."""


class SpoolInUse(SpoolError):
    """Another buffer has the spool file open."""
