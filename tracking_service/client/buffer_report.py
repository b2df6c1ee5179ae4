"""What a buffer reports: what became of its numbers, and why it has none."""

from dataclasses import dataclass

from tracking_service.client.errors import BufferEmpty, ClientError


@dataclass(frozen=True, slots=True)
class BufferReport:
    """What became of a buffer's numbers in this process."""

    fetched: int
    """From the service, or found in the spool."""
    unused: tuple[str, ...]
    """Those that were not handed out, in order."""
    kept: bool
    """Whether the unused ones are in the spool, for the next buffer; else they are never used."""

    @property
    def used(self) -> int:
        """How many were handed out at the most.

        A number that `next` took while another thread closed the buffer is counted, but was not.
        """
        return self.fetched - len(self.unused)


def empty_error(error: Exception | None, pause: float) -> BufferEmpty:
    """Return the error of an empty buffer whose last fetch failed with `error`.

    The next fetch begins in `pause` seconds.
    """
    known = error if isinstance(error, ClientError) else None
    return BufferEmpty(
        f"no number is left, and none could be fetched: {error or 'no answer has come yet'}",
        problem=known.problem if known else None,
        request_id=known.request_id if known else None,
        retry_after=max(0.0, pause) if error is not None else None,
    )
