"""Formats: serial and shipment to number and back, for any pattern."""

import itertools
import random
import threading
from datetime import UTC, datetime

import ffx
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from stdnum.iso7064 import mod_37_36

from tracking_service.errors import (
    CheckCharacterError,
    InvalidSeriesError,
    MalformedNumberError,
    NumberError,
    ShipmentRefusedError,
)
from tracking_service.numbering.alphabets import ALPHABETS, DIGITS, LETTERS
from tracking_service.numbering.checks import CHECKS, SUBSTITUTIONS
from tracking_service.numbering.format import Decoded, Format, Shipment
from tracking_service.numbering.pattern import LONGEST, Pattern, parse
from tracking_service.numbering.shape import CODES

KEY = bytes(range(32))
SHIPMENT = Shipment("MY", "ID")
NEW_YEAR = datetime(2027, 1, 1, tzinfo=UTC).timestamp()
ROUTED = parse("{origin}{destination}{body:11}{check}", "crockford")
BASE36 = parse("{origin}{destination}{body:11}{check}", "base36")
S10 = parse("RA{body:8}{check}{origin:MY}", "digits", "s10")
DATED = parse("{yyyy}{mm}{dd}{body:5}{check}", "crockford")
CLEAR = parse("{serial:8}{check}X{yy}", "digits", "damm")
KNOWN = [
    pytest.param(pattern, id=f"{pattern.text} {pattern.alphabet.name}")
    for pattern in (ROUTED, BASE36, S10, DATED, CLEAR)
]


@st.composite
def patterns(draw: st.DrawFn) -> Pattern:
    """Any pattern that can be made."""
    alphabet = draw(st.sampled_from(sorted(ALPHABETS)))
    checks = [name for name, check in CHECKS.items() if check.alphabet is ALPHABETS[alphabet]]
    check = draw(st.sampled_from([None, *checks, *checks]))
    kind = draw(st.sampled_from(["body", "body", "serial"]))
    parts = [f"{{{kind}:{8 if check == 's10' else draw(st.integers(4, 12))}}}"]
    parts += ["{check}"] if check else []
    others = ["{origin}", "{origin:MY}", "{destination}", "{yy}", "{yyyy}", "{mm}", "{dd}"]
    parts += draw(st.lists(st.sampled_from(others), max_size=3))
    parts += draw(st.lists(st.text(LETTERS + DIGITS, min_size=1, max_size=2), max_size=2))
    try:
        return parse("".join(draw(st.permutations(parts))), alphabet, check)
    except InvalidSeriesError:
        assume(False)
        raise


ANY = settings(
    max_examples=100,
    deadline=None,
    suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow],
)
COUNTRIES = st.sampled_from(CODES)
SHIPMENTS = st.builds(Shipment, st.just("MY"), COUNTRIES)
MOMENTS = st.integers(0, 4_102_444_800)


@ANY
@given(data=st.data(), pattern=patterns(), shipment=SHIPMENTS, moment=MOMENTS)
def test_a_number_says_its_serial_and_its_countries(
    data: st.DataObject, pattern: Pattern, shipment: Shipment, moment: int
) -> None:
    written = Format(pattern, KEY)
    serial = data.draw(st.integers(0, pattern.capacity - 1))
    number = written.encode(serial, shipment, moment)
    kinds = {part.kind for part in pattern.parts}

    assert pattern.width == len(number) <= LONGEST
    assert pattern.shape.fits(number)
    assert number == pattern.shape.read(number)
    assert written.decode(number) == Decoded(
        serial,
        shipment.origin if "origin" in kinds else None,
        shipment.destination if "destination" in kinds else None,
    )


@ANY
@given(data=st.data(), pattern=patterns(), shipment=SHIPMENTS, moment=MOMENTS)
def test_a_batch_holds_what_encode_writes_serial_by_serial(
    data: st.DataObject, pattern: Pattern, shipment: Shipment, moment: int
) -> None:
    written = Format(pattern, KEY)
    start = data.draw(st.integers(0, pattern.capacity))
    end = min(start + data.draw(st.integers(0, 40)), pattern.capacity)
    singly = [written.encode(serial, shipment, moment) for serial in range(start, end)]

    assert "".join(singly).encode("ascii") == written.encode_many(start, end, shipment, moment)


@settings(ANY, max_examples=40)
@given(data=st.data(), pattern=patterns(), moment=MOMENTS)
def test_every_substitution_is_caught_where_the_algorithm_promises_it(
    data: st.DataObject, pattern: Pattern, moment: int
) -> None:
    assume(pattern.check is not None and SUBSTITUTIONS in pattern.check.catches)
    written = Format(pattern, KEY)
    number = written.encode(data.draw(st.integers(0, pattern.capacity - 1)), SHIPMENT, moment)
    guarded = {*pattern.checker.covered, pattern.checker.at}
    for at, right in enumerate(number):
        for wrong in (DIGITS + LETTERS).replace(right, ""):
            typed = number[:at] + wrong + number[at + 1 :]
            read = pattern.shape.read(typed)
            # What looks alike is no slip at all; of the rest, only a letter that the algorithm
            # does not know (a country's, under one for digits) can go unnoticed.
            if read in (None, number) or at not in guarded:
                continue
            with pytest.raises(CheckCharacterError):
                written.decode(read)


@ANY
@given(data=st.data(), some=st.lists(patterns(), min_size=2, max_size=6), moment=MOMENTS)
def test_patterns_that_do_not_meet_never_write_nor_read_one_text(
    data: st.DataObject, some: list[Pattern], moment: int
) -> None:
    for one, other in itertools.combinations(some, 2):
        if one.shape.meets(other.shape):
            continue
        shipment = data.draw(SHIPMENTS)
        number = Format(one, KEY).encode(
            data.draw(st.integers(0, one.capacity - 1)), shipment, moment
        )

        assert other.shape.read(number) is None


@pytest.mark.parametrize("pattern", KNOWN)
def test_both_ends_of_the_space_can_be_written_and_nothing_outside(pattern: Pattern) -> None:
    written, last = Format(pattern, KEY), pattern.capacity
    ends = [(0, 50), (last - 50, last)]

    for start, end in ends:
        batch = written.encode_many(start, end, SHIPMENT, NEW_YEAR).decode("ascii")
        numbers = [batch[at : at + pattern.width] for at in range(0, len(batch), pattern.width)]
        assert list(range(start, end)) == [written.decode(number).serial for number in numbers]
    for serial in (-1, last):
        with pytest.raises(ValueError, match="outside|does not fit"):
            written.encode(serial, SHIPMENT, NEW_YEAR)
    for start, end in [(last - 1, last + 1), (last, last + 1), (-1, 1), (5, 4)]:
        with pytest.raises(ValueError, match="outside"):
            written.encode_many(start, end, SHIPMENT, NEW_YEAR)


def test_numbers_stay_what_they_are_for_ever() -> None:
    """Parcels carry them: a change to any of this is a new format."""
    expected = {
        ROUTED: ["MYIDTXWMM2GZR5H5", "MYIDJ4K887X74H81"],
        BASE36: ["MYIDJMG2QCADCQI1", "MYIDQ4OFYFD4I437"],
        S10: ["RA378358448MY", "RA688696956MY"],
        DATED: ["202701013QFV4Y", "20270101NSM9BX"],
        CLEAR: ["000000008X27", "000100002X27"],
    }
    found = {
        pattern: [Format(pattern, KEY).encode(n, SHIPMENT, NEW_YEAR) for n in (0, 10_000)]
        for pattern in expected
    }

    assert expected == found


@settings(deadline=None)
@given(serial=st.integers(0, 32**11 - 1), origin=COUNTRIES, destination=COUNTRIES)
def test_implementations_by_others_write_the_same(
    serial: int, origin: str, destination: str
) -> None:
    characters = ROUTED.alphabet.characters
    cipher = ffx.FF1(KEY, alphabet=characters)
    body = cipher.encrypt(ROUTED.alphabet.write(serial, 11), tweak=(origin + destination).encode())
    # In the prefix A counts 0 and Z 25, whatever the alphabet has there.
    prefix = "".join(characters[LETTERS.index(letter)] for letter in origin + destination)
    check = mod_37_36.calc_check_digit(prefix + body, alphabet=characters)

    assert origin + destination + body + check == Format(ROUTED, KEY).encode(
        serial, Shipment(origin, destination)
    )


def test_unlike_serials_and_routes_write_no_number_twice() -> None:
    routed = Format(ROUTED, KEY)
    shipments = [Shipment(a, b) for a in ("MY", "ID", "DE") for b in ("MY", "ID", "DE")]
    serials = [series * 10**13 + at for series in (0, 1, 500, 3_601) for at in range(500)]
    numbers = {routed.encode(serial, each) for serial in serials for each in shipments}

    assert len(serials) * len(shipments) == len(numbers)


def test_a_body_under_another_route_or_day_is_noise() -> None:
    routed, dated = Format(ROUTED, KEY), Format(DATED, KEY)
    digits = ALPHABETS["crockford"].characters
    for written, numbers, prefix in (
        (routed, [routed.encode(n, SHIPMENT) for n in range(500)], "MYIE"),
        (dated, [dated.encode(n, SHIPMENT, NEW_YEAR) for n in range(500)], "20270102"),
    ):
        texts = [prefix + number[len(prefix) : -1] for number in numbers]
        altered = [
            text + next(c for c in digits if written.pattern.checker.is_right(text + c))
            for text in texts
        ]
        assert sum(written.decode(number).serial < 500 for number in altered) <= 1


def test_another_key_reads_noise() -> None:
    assert Format(ROUTED, bytes(32)).decode(Format(ROUTED, KEY).encode(7, SHIPMENT)).serial > 10**9


def test_the_day_of_issue_is_that_of_utc() -> None:
    dated = Format(DATED, KEY)
    days = [dated.encode(1, SHIPMENT, NEW_YEAR + offset)[:8] for offset in (-0.001, 0, 86_399.999)]

    assert ["20261231", "20270101", "20270101"] == days


def test_without_its_moment_a_number_that_shows_a_date_is_not_written() -> None:
    for write in (Format(DATED, KEY).encode, lambda n, s: Format(CLEAR, KEY).encode_many(n, 9, s)):
        with pytest.raises(ValueError, match="needs its moment"):
            write(1, SHIPMENT)


def test_a_serial_in_the_clear_can_be_read_by_anybody() -> None:
    assert ["000000015X27", "000000027X27"] == [
        Format(CLEAR, KEY).encode(serial, SHIPMENT, NEW_YEAR) for serial in (1, 2)
    ]


def test_a_shipment_of_another_country_is_refused() -> None:
    post = Format(S10, KEY)
    post.check(SHIPMENT)
    elsewhere = Shipment("ID", "MY")
    for refuse in (
        lambda: post.check(elsewhere),
        lambda: post.encode(1, elsewhere),
        lambda: post.encode_many(0, 1, elsewhere),
    ):
        with pytest.raises(ShipmentRefusedError, match="must be MY") as refusal:
            refuse()
        assert "origin_country_id" == refusal.value.parameter
    with pytest.raises(ShipmentRefusedError, match="must be SG") as refusal:
        Format(parse("{destination:SG}{body:9}", "digits"), KEY).check(SHIPMENT)
    assert "destination_country_id" == refusal.value.parameter


@pytest.mark.parametrize(
    "number",
    [
        "",
        "MYID",
        "MYID0000000000000",
        "MYID00000000000",
        "myid000000000000",
        "MYID 00000000000",
        "MYID00000000000O",
        "M1ID000000000000",
        "AAID000000000000",
    ],
)
def test_another_shape_is_malformed(number: str) -> None:
    with pytest.raises(MalformedNumberError):
        Format(ROUTED, KEY).decode(number)


def test_the_newline_after_a_number_is_not_overlooked() -> None:
    with pytest.raises(MalformedNumberError):
        Format(ROUTED, KEY).decode(Format(ROUTED, KEY).encode(1, SHIPMENT) + "\n")


def test_nearly_every_swap_of_unlike_neighbours_is_caught() -> None:
    """The routed format's own figure, country codes and body together."""
    routed = Format(ROUTED, KEY)
    swaps = missed = 0
    for serial in range(3_000):
        number = routed.encode(serial, SHIPMENT)
        for at in range(15):
            if number[at] != number[at + 1]:
                swaps += 1
                try:
                    routed.decode(number[:at] + number[at + 1] + number[at] + number[at + 2 :])
                    missed += 1
                except NumberError:
                    continue

    assert missed / swaps < 0.005


def test_invented_numbers_are_never_among_ten_million_leased() -> None:
    """By chance it would take 3.6 billion of them to hit one."""
    routed, chance = Format(ROUTED, KEY), random.Random(20_260)
    characters = ROUTED.alphabet.characters
    for _ in range(20_000):
        text = chance.choice(CODES) + "ID" + "".join(chance.choices(characters, k=11))
        check = next(c for c in characters if ROUTED.checker.is_right(text + c))

        assert routed.decode(text + check).serial >= 10_000_000


@pytest.mark.parametrize("length", [0, 16, 24, 31, 33])
@pytest.mark.parametrize("pattern", [ROUTED, CLEAR], ids=["encrypted", "clear"])
def test_only_a_key_for_aes_256_will_do_and_it_is_not_shown(pattern: Pattern, length: int) -> None:
    with pytest.raises(ValueError, match=f"32 bytes, not {length}") as refusal:
        Format(pattern, (b"SECRET" * 6)[:length])

    assert "SECRET" not in str(refusal.value)


def test_the_key_is_not_in_what_it_shows_of_itself() -> None:
    shown = repr(Format(ROUTED, b"a key of thirty-two bytes, shown"))

    assert "thirty" not in shown
    assert b"thirty".hex() not in shown


def test_more_routes_and_days_than_it_remembers_make_no_difference() -> None:
    dated = parse("{origin}{yy}{mm}{dd}{body:6}", "base36")
    busy, number = Format(dated, KEY), Format(dated, KEY).encode(7, SHIPMENT, NEW_YEAR)
    for day in range(5_000):
        busy.encode(1, SHIPMENT, NEW_YEAR + 86_400 * day)

    assert number == busy.encode(7, SHIPMENT, NEW_YEAR)
    assert 7 == busy.decode(number).serial


def test_threads_that_make_batches_at_once_do_not_disturb_one_another() -> None:
    routed = Format(ROUTED, KEY)
    expected = routed.encode_many(0, 20_000, SHIPMENT)
    made: list[bytes] = []

    def make() -> None:
        made.extend(routed.encode_many(0, 20_000, SHIPMENT) for _ in range(5))

    threads = [threading.Thread(target=make) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [expected] * 40 == made
