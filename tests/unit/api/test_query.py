"""The query string: decoding, repeats, and what is no text."""

import tracemalloc
from urllib.parse import quote, quote_plus, urlencode

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from marshmallow import ValidationError

from tracking_service.api.query import (
    FIELD_LENGTH_MOST,
    FIELDS_MOST,
    FieldMemo,
    parse_query,
    restore_plus,
)

KNOWN = frozenset(("weight", "created_at", "customer_name"))
TWICE = ["must not be given more than once"]
NOT_UTF_8 = ["must be UTF-8, percent-encoded"]

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=300)


def parse(sent: bytes) -> tuple[dict[str, str], dict[str, list[str]]]:
    return parse_query(sent.decode("latin-1"), KNOWN)


@given(st.dictionaries(st.sampled_from(sorted(KNOWN)), texts))
def test_what_urlencode_writes_is_read_back(parameters: dict[str, str]) -> None:
    assert parse(urlencode(parameters).encode()) == (parameters, {})


@given(texts)
def test_a_space_may_be_a_plus_or_percent_20(name: str) -> None:
    for written in (quote(name), quote_plus(name)):
        assert parse(b"customer_name=" + written.encode()) == (
            {"customer_name": name},
            {},
        )


@given(st.binary(max_size=200))
@example(b"")
@example(b"&&&===;;;&=&")
@example(b"weight=%&weight%=%zz&%=%%%")
@example(b"weight=\x00%00&\xff=\xfe")
def test_no_bytes_make_it_fail(raw: bytes) -> None:
    values, faults = parse(raw)

    assert values.keys() | faults.keys() <= KNOWN
    assert not values.keys() & faults.keys()


@pytest.mark.parametrize(
    "raw, value",
    [
        (b"weight=1.5", "1.5"),
        (b"weight=", ""),
        (b"weight", ""),
        (b"weight=a=b", "a=b"),
        (b"weight=%31%2e5", "1.5"),
        (b"%77eight=1.5", "1.5"),
        (b"&&weight=1&&", "1"),
        (b"weight=1;weight=2", "1;weight=2"),
        (b"weight=100%", "100%"),
        (b"weight=%zz%4", "%zz%4"),
        (b"weight=%00", "\0"),
        (b"weight=%C3%A9\xc3\xa9", "éé"),
        (b"weight=%F0%9F%93%A6", "\N{PACKAGE}"),
    ],
)
def test_one_value_is_decoded(raw: bytes, value: str) -> None:
    assert parse(raw) == ({"weight": value}, {})


@pytest.mark.parametrize(
    "raw",
    [
        b"weight=1&weight=2",
        b"weight=1&weight=1",
        b"weight=1&weight",
        b"weight=1&%77eight=1",
        b"weight=1&weight=%FF",
        b"weight=%FF&weight=1",
        b"weight=1&weight=1&weight=1",
        b"weight=1&weight=1&weight=1&weight=1",
    ],
)
def test_a_known_parameter_given_twice_is_a_fault_even_with_one_value(raw: bytes) -> None:
    assert parse(raw) == ({}, {"weight": TWICE})


@pytest.mark.parametrize(
    "raw", [b"%FF", b"\xff", b"%C3", b"%ED%A0%80", b"%C0%80", b"%F4%90%80%80", b"ok%E2%82"]
)
def test_bytes_that_are_not_utf_8_are_a_fault_of_their_parameter_alone(raw: bytes) -> None:
    values, faults = parse(b"customer_name=" + raw + b"&weight=1")

    assert values == {"weight": "1"}
    assert faults == {"customer_name": NOT_UTF_8}


@pytest.mark.parametrize(
    "raw", [b"Weight=1", b"WEIGHT=1", b"weight%00=1", b"+weight=1", b"x=1&x=2", b"\xff=1", b"%FF"]
)
def test_other_names_are_ignored(raw: bytes) -> None:
    assert parse(raw) == ({}, {})


@pytest.mark.timeout(5)
@pytest.mark.parametrize("unknown", [b"x=1", b"%78=1", b"+=1", b"", b"%"])
def test_unknown_fields_are_ignored_however_many_there_are(unknown: bytes) -> None:
    sent = b"&".join([unknown] * 5_000 + [b"weight=1"] + [unknown] * 5_000)

    assert ({"weight": "1"}, {}) == parse(sent)


@pytest.mark.parametrize(
    "sent, read",
    [
        ("2024-01-01T12:00:00 08:00", "2024-01-01T12:00:00+08:00"),
        ("2024-01-01T12:00:00.5 00:00", "2024-01-01T12:00:00.5+00:00"),
        ("2024-01-01T12:00:00+08:00", "2024-01-01T12:00:00+08:00"),
        ("2024-01-01T12:00:00-08:00", "2024-01-01T12:00:00-08:00"),
        ("2024-01-01T12:00:00Z", "2024-01-01T12:00:00Z"),
        ("2024-01-01 12:00:00Z", "2024-01-01 12:00:00Z"),
        ("2024-01-01T12:00:00  08:00", "2024-01-01T12:00:00 +08:00"),
        ("", ""),
        (" ", " "),
    ],
)
def test_only_a_space_before_the_offset_reads_as_plus(sent: str, read: str) -> None:
    assert restore_plus(sent) == read


class Rule:
    """Refuses what is no number, and counts how often it is asked."""

    def __init__(self) -> None:
        self.asked = 0

    def __call__(self, text: str) -> str:
        self.asked += 1
        if not text.isdecimal():
            raise ValidationError("must be digits")
        return f"<{text}>"


@pytest.fixture
def rule() -> Rule:
    return Rule()


@pytest.fixture
def memo(rule: Rule) -> FieldMemo:
    return FieldMemo({"weight": rule, "count": rule, "series": str}, defaults={"series": "default"})


def test_a_field_that_was_valid_is_not_validated_again(memo: FieldMemo, rule: Rule) -> None:
    first = memo.read("weight=1&count=2")
    asked = rule.asked

    assert {"weight": "<1>", "count": "<2>", "series": "default"} == first
    assert first == memo.read("weight=1&count=2") == memo.read("count=2&weight=1")
    assert {"weight": "<1>", "count": "<3>", "series": "x"} == memo.read(
        "series=x&weight=1&count=3"
    )
    assert (2, 3) == (asked, rule.asked)


def test_a_field_is_known_by_its_spelling(memo: FieldMemo) -> None:
    assert memo.read("weight=1&count=2") == memo.read("weight=%31&count=2")
    assert memo.read("weight=1&count=2&series=a+b") == memo.read("weight=1&count=2&series=a%20b")


@pytest.mark.parametrize(
    "odd",
    [
        "weight=1",
        "weight=1&weight=1&count=2",
        "weight=1&weight=2&count=2",
        "weight=1&count=x",
        "weight=1&count=",
        "weight=1&%63ount=2",
        "weight=1&count=2&%78=1",
        "weight=1&count=2&series=%FF",
        "weight=1&count=2&x=1&x=1&count=2",
        "weight=1&x=1&y=2",
        "",
    ],
)
def test_what_is_odd_is_left_to_the_schema_however_often_it_comes(
    memo: FieldMemo, odd: str
) -> None:
    memo.read("weight=1&count=2")

    assert [None, None] == [memo.read(odd), memo.read(odd)]


def test_names_that_are_not_known_are_ignored_by_a_memo_too(memo: FieldMemo) -> None:
    assert memo.read("weight=1&count=2") == memo.read("x=1&weight=1&y=&x=1&count=2&&Weight=7")


def test_a_memo_is_bounded_in_fields_and_bytes(memo: FieldMemo) -> None:
    tracemalloc.start()
    try:
        for serial in range(2 * FIELDS_MOST):
            digits = str(serial).zfill(FIELD_LENGTH_MOST - len("weight="))
            assert memo.read(f"weight={digits}&count=1{digits}") is not None
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    # The text of a field and of its value, the pair of both, and the place in the dict.
    assert held < FIELDS_MOST * (2 * FIELD_LENGTH_MOST + 400)


def test_a_field_that_is_too_long_is_not_kept(memo: FieldMemo, rule: Rule) -> None:
    long = "weight=" + "1" * FIELD_LENGTH_MOST

    assert memo.read(f"{long}&count=2") == memo.read(f"{long}&count=2")
    assert 3 == rule.asked
