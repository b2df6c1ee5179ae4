"""One file of high-water marks: what it holds, how it is read, and how it is replaced."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from tracking_service.allocation.disk import Disk
from tracking_service.allocation.lease import HighWaterMark, RecordedLease
from tracking_service.errors import HighWaterMarkError


@dataclass(frozen=True, slots=True)
class Contents:
    """What one file holds. Never changed, because it is remembered."""

    marks: Mapping[str, HighWaterMark] = field(default_factory=dict)
    count: int = 0
    leases: Sequence[tuple[str, RecordedLease]] = ()
    """The last of `count` leases, with the series that each is of."""


class MarkFiles:
    """Reads and replaces files of high-water marks."""

    def __init__(self, disk: Disk) -> None:
        self._disk = disk
        # The last text of each file of many series, and what it says: such a file takes longer to
        # parse than to read. The text is read each time, for it alone is the truth. Used without a
        # lock: two threads at once cost one more parse.
        self._parsed: dict[Path, tuple[str, Contents]] = {}

    def load(self, path: Path, *, of_many: bool = False) -> Contents | None:
        """What the file holds, or None where there is none; `of_many` if it is of many series.

        Raises HighWaterMarkError where it cannot be read, or is damaged: to go on without it could
        repeat numbers.
        """
        try:
            text = self._disk.read(path)
        except (OSError, UnicodeDecodeError) as error:
            raise HighWaterMarkError(f"{path} cannot be read: {error}") from error
        if text is None:
            return None
        known = self._parsed.get(path)
        if known is not None and known[0] == text:
            return known[1]
        try:
            contents = _parse(text) if of_many else _parse_again(text)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise HighWaterMarkError(f"{path} is damaged") from error
        if of_many:
            self._parsed[path] = text, contents
        return contents

    def save(self, path: Path, contents: Contents) -> None:
        """Replace a file whole: after a crash there is the old one or the new one.

        Raises OSError.
        """
        fresh = path.with_suffix(".new")
        self._disk.write(fresh, json.dumps(_formatted(contents)))
        self._disk.replace(fresh, path)
        # The rename itself must last too, or a power cut brings the old file back.
        self._disk.sync_folder(path.parent)


def _formatted(contents: Contents) -> dict[str, Any]:
    """What `_parse` reads; without leases, as `witness.json` has none."""
    series = {name: [mark.end, mark.lease_number] for name, mark in contents.marks.items()}
    if not contents.count:
        return {"series": series}
    leases = [
        [name, each.lease_number, each.start, each.end, each.instance]
        # Not in a file of the version before: nothing there is marked as handed back.
        + ([each.returned_from] if each.returned_from is not None else [])
        for name, each in contents.leases
    ]
    return {"series": series, "recorded": contents.count, "leases": leases}


def _parse(text: str) -> Contents:
    data = json.loads(text)
    marks = {
        name: HighWaterMark(_whole(end), _whole(number))
        for name, (end, number) in data["series"].items()
    }
    leases = [(str(series), _parse_lease(*fields)) for series, *fields in data.get("leases", ())]
    return Contents(marks, _whole(data.get("recorded", 0)), leases)


def _parse_lease(
    number: Any, start: Any, end: Any, instance: Any, returned_from: Any = None
) -> RecordedLease:
    return RecordedLease(
        _whole(number),
        _whole(start),
        _whole(end),
        str(instance),
        None if returned_from is None else _whole(returned_from),
    )


_parse_again = lru_cache(maxsize=64)(_parse)
"""Remembers what the last texts say, of files of one series: a lease reads its file three times, and
mostly as it was."""


def _whole(number: Any) -> int:
    # A bool is an int to isinstance, and no file is written with one, or with less than 0.
    if type(number) is not int or number < 0:
        raise TypeError
    return number
