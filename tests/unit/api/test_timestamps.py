"""RFC 3339: what is a timestamp, and how the moment of issue is written."""

from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from marshmallow import ValidationError

from tracking_service.api.timestamps import (
    format_moment,
    offset_minutes,
    read_offset,
)

minutes = st.integers(-1439, 1439)
offsets = minutes.map(
    lambda m: f"{'-' if m < 0 else '+'}{abs(m) // 60:02}:{abs(m) % 60:02}"
) | st.sampled_from(["Z", "-00:00"])


@given(
    st.datetimes(), offsets, st.sampled_from("Tt"), st.from_regex(r"(\.[0-9]+)?", fullmatch=True)
)
def test_any_moment_in_any_offset_is_accepted(
    moment: datetime, offset: str, separator: str, fraction: str
) -> None:
    text = moment.isoformat(separator, "seconds") + fraction + offset

    assert read_offset(text) == offset


@pytest.mark.parametrize(
    "text, offset",
    [
        ("2018-11-20T19:29:32+08:00", "+08:00"),
        ("2018-11-20T19:29:32-00:00", "-00:00"),
        ("2018-11-20T19:29:32+00:00", "+00:00"),
        ("2018-11-20T19:29:32Z", "Z"),
        ("2018-11-20t19:29:32z", "Z"),
        ("2018-11-20T19:29:32+23:59", "+23:59"),
        ("2018-11-20T19:29:32-23:59", "-23:59"),
        ("2018-11-20T19:29:32." + "1" * 5000 + "Z", "Z"),
        ("0000-01-01T00:00:00Z", "Z"),
        ("0000-02-29T00:00:00Z", "Z"),
        ("9999-12-31T23:59:59-23:59", "-23:59"),
        ("2000-02-29T00:00:00Z", "Z"),
        ("2024-02-29T00:00:00Z", "Z"),
        ("2016-12-31T23:59:60Z", "Z"),
        ("2016-12-31T23:59:60.999Z", "Z"),
        ("2015-06-30T23:59:60-00:00", "-00:00"),
        ("2017-01-01T07:59:60+08:00", "+08:00"),
        ("2015-07-01T09:29:60+09:30", "+09:30"),
        ("2016-12-31T15:59:60-08:00", "-08:00"),
        ("2017-01-01T23:58:60+23:59", "+23:59"),
        ("2016-12-31T00:00:60-23:59", "-23:59"),
    ],
)
def test_these_are_timestamps(text: str, offset: str) -> None:
    assert read_offset(text) == offset


@pytest.mark.parametrize(
    "text",
    [
        "",
        "now",
        "2018-11-20",
        "2018-11-20T19:29:32",
        "2018-11-20 19:29:32Z",
        "2018-11-20T19:29Z",
        "2018-11-20T19:29:32 08:00",
        "2018-11-20T19:29:32 +08:00",
        "2018-11-20T19:29:32+0800",
        "2018-11-20T19:29:32+08",
        "2018-11-20T19:29:32+8:00",
        "2018-11-20T19:29:32+24:00",
        "2018-11-20T19:29:32+08:60",
        "2018-11-20T19:29:32+08:00:00",
        "2018-11-20T19:29:32\N{MINUS SIGN}08:00",
        "2018-11-20T19:29:32.Z",
        "2018-11-20T19:29:32,5Z",
        "2018-11-20T24:00:00Z",
        "2018-11-20T19:60:00Z",
        "2018-11-20T19:29:61Z",
        "2018-00-20T19:29:32Z",
        "2018-13-20T19:29:32Z",
        "2018-11-00T19:29:32Z",
        "2018-11-32T19:29:32Z",
        "2018-11-31T19:29:32Z",
        "2018-04-31T19:29:32Z",
        "2018-02-29T19:29:32Z",
        "1900-02-29T19:29:32Z",
        "2024-02-30T19:29:32Z",
        "18-11-20T19:29:32Z",
        "12018-11-20T19:29:32Z",
        "+2018-11-20T19:29:32Z",
        "2018-11-20T19:29:32Z\n",
        "\n2018-11-20T19:29:32Z",
        " 2018-11-20T19:29:32Z",
        "2018-11-20T19:29:32Z\0",
        "2018-W47-2T19:29:32Z",
        "20181120T192932Z",
        "1542713372",
        "٢٠١٨-11-20T19:29:32Z",
        "2018-11-20T19:29:60Z",
        "2016-12-31T23:58:60Z",
        "2016-12-30T23:59:60Z",
        "2016-03-31T23:59:60Z",
        "2016-12-31T23:59:60+08:00",
        "2017-01-01T07:59:60Z",
        "2016-12-31T23:59:60+00:01",
    ],
)
def test_these_are_not(text: str) -> None:
    with pytest.raises(ValidationError) as refused:
        read_offset(text)

    (message,) = refused.value.messages
    assert message.startswith("must ")
    assert "\n" not in message


@pytest.mark.parametrize(
    "text, missing",
    [
        ("2018-11-20", "the time and the offset"),
        ("2018-11-20Z", "the time"),
        ("2018-11-20T19:29", "the seconds and the offset"),
        ("2018-11-20T19:29+08:00", "the seconds"),
        ("2018-11-20T19:29:32", "the offset"),
        ("2018-11-20T19:29:32.5", "the offset"),
        ("2018-11-20 19:29:32Z", "the T before the time"),
        ("2018-11-20 19:29", "the T before the time and the seconds and the offset"),
    ],
)
def test_the_part_that_a_timestamp_lacks_is_named(text: str, missing: str) -> None:
    with pytest.raises(ValidationError, match=f"; it lacks {missing}$"):
        read_offset(text)


@given(
    st.integers(0, 9999), st.integers(1, 12), st.integers(1, 31), st.integers(0, 400 * 25).map(str)
)
def test_a_day_is_accepted_where_the_calendar_has_it(
    year: int, month: int, day: int, fraction: str
) -> None:
    # The calendar repeats itself every 400 years, and datetime has no year 0.
    try:
        date(year % 400 + 400, month, day)
    except ValueError:
        exists = False
    else:
        exists = True

    try:
        read_offset(f"{year:04}-{month:02}-{day:02}T00:00:00.{fraction}Z")
    except ValidationError:
        assert not exists
    else:
        assert exists


@given(st.sampled_from([date(2016, 7, 1), date(2017, 1, 1)]), offsets, st.integers(-2000, 2000))
def test_second_60_is_accepted_right_before_a_utc_july_or_january_only(
    day: date, offset: str, minutes_off: int
) -> None:
    midnight = datetime(day.year, day.month, day.day, tzinfo=UTC)
    minute = midnight + timedelta(minutes=offset_minutes(offset) - 1 + minutes_off)
    text = f"{minute:%Y-%m-%dT%H:%M}:60{offset}"

    if minutes_off == 0:
        assert read_offset(text) == offset
    else:
        with pytest.raises(ValidationError, match="leap second"):
            read_offset(text)


@given(st.integers(0, 2**33), offsets)
def test_a_written_moment_is_that_moment_in_that_offset(second: int, offset: str) -> None:
    written = format_moment(second, offset)

    assert written.endswith(offset)
    assert read_offset(written) == offset
    parsed = datetime.fromisoformat(written)
    assert parsed == datetime.fromtimestamp(second, UTC)
    assert parsed.utcoffset() == timedelta(minutes=offset_minutes(offset))
    assert parsed.microsecond == 0


@given(minutes)
def test_offset_minutes_agrees_with_timezone(offset: int) -> None:
    name = datetime(2000, 1, 1, tzinfo=timezone(timedelta(minutes=offset))).isoformat()[-6:]

    assert offset_minutes(name) == offset


@pytest.mark.parametrize(
    "offset, text",
    [
        ("Z", "2023-11-14T22:13:20Z"),
        ("-00:00", "2023-11-14T22:13:20-00:00"),
        ("+08:00", "2023-11-15T06:13:20+08:00"),
        ("+23:59", "2023-11-15T22:12:20+23:59"),
        ("-23:59", "2023-11-13T22:14:20-23:59"),
    ],
)
def test_moments_by_hand(offset: str, text: str) -> None:
    assert format_moment(1_700_000_000, offset) == text
