"""RFC 3339 timestamps: reads the offset of one, writes the moment of issue in that offset.

The service uses only the offset of a request's `created_at`. It checks the text against the grammar
and the calendar, without a `datetime`, which cannot hold year 0000, leap seconds or more than six
fraction digits.

Standard: https://www.rfc-editor.org/rfc/rfc3339 (section 5.6 grammar, 5.7 restrictions).
"""

import re
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache

from marshmallow import ValidationError

# The grammar of section 5.6, with T and Z in either case as its first note allows. Its second
# note, a space in place of T, is for applications that choose it; this one does not.
DATE_TIME = re.compile(
    r"([0-9]{4})-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"
    r"[Tt]([01][0-9]|2[0-3]):([0-5][0-9]):([0-5][0-9]|60)(?:\.[0-9]+)?"
    r"([Zz]|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])"
)

# The same with optional parts, to say which one is missing.
_PARTS = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
    r"(?:([Tt ])[0-9]{2}:[0-9]{2}(:[0-9]{2}(?:\.[0-9]+)?)?)?"
    r"([Zz]|[+-][0-9]{2}:[0-9]{2})?"
)

_MINUTES_A_DAY = 24 * 60


def read_offset(text: str) -> str:
    """Check an RFC 3339 timestamp and return its offset: "Z", or "+hh:mm" or "-hh:mm" as spelt.

    "z" is returned as "Z". "-00:00" stays: it says that the local offset is unknown (section 4.3).
    Raises ValidationError with one line that says what is wrong.
    """
    match = DATE_TIME.fullmatch(text)
    if match is None:
        raise ValidationError(
            "must be an RFC 3339 date and time with an offset, such as 2018-11-20T19:29:32+08:00"
            + _missing(text)
        )
    year, month, day, hour, minute, second, offset = match.groups()
    # Every month has 28 days, so that most requests need no calendar.
    if day > "28" and int(day) > _days_in(int(year), int(month)):
        raise ValidationError("must be a date that exists: that month has no such day")
    if offset == "z":
        offset = "Z"
    if second == "60" and not _is_leap_second_place(month, day, hour, minute, offset):
        raise ValidationError(
            "must not have a second 60 but where a leap second can be:"
            " 23:59:60 UTC at the end of June or December"
        )
    return offset


def _missing(text: str) -> str:
    """Say which parts a timestamp lacks, if that is what is wrong with it."""
    match = _PARTS.fullmatch(text)
    if match is None:
        return ""
    separator, seconds, offset = match.groups()
    lacks = {
        "the time": separator is None,
        "the T before the time": separator == " ",
        "the seconds": separator is not None and seconds is None,
        "the offset": offset is None,
    }
    missing = " and ".join(part for part, lacking in lacks.items() if lacking)
    return missing and f"; it lacks {missing}"


# Most requests of one second have the same few offsets: a look-up instead of 2 µs.
@lru_cache(maxsize=512)
def format_moment(second: int, offset: str) -> str:
    """Write a moment in the given offset, in whole seconds, as RFC 3339.

    `second` counts from 1970-01-01T00:00:00Z without leap seconds, as `time.time()` does;
    `offset` is as `read_offset` returns it and is written as it stands.
    """
    local = datetime.fromtimestamp(second, UTC) + timedelta(minutes=offset_minutes(offset))
    return local.replace(tzinfo=None).isoformat(timespec="seconds") + offset


def offset_minutes(offset: str) -> int:
    """Return how many minutes local time is ahead of UTC, in (-1440, 1440)."""
    if offset == "Z":
        return 0
    minutes = int(offset[1:3]) * 60 + int(offset[4:6])
    return -minutes if offset[0] == "-" else minutes


def _days_in(year: int, month: int) -> int:
    if month == 2:
        leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
        return 29 if leap else 28
    return 30 if month in (4, 6, 9, 11) else 31


def _is_leap_second_place(month: str, day: str, hour: str, minute: str, offset: str) -> bool:
    """Whether this local minute is 23:59 UTC on the last day of June or December."""
    utc_minute = int(hour) * 60 + int(minute) - offset_minutes(offset)
    days, minute_of_day = divmod(utc_minute, _MINUTES_A_DAY)
    if minute_of_day != _MINUTES_A_DAY - 1:
        return False
    # The year does not matter this far from February; 2000 has every day that any year has.
    utc_date = date(2000, int(month), int(day)) + timedelta(days=days)
    return (utc_date.month, utc_date.day) in ((6, 30), (12, 31))
