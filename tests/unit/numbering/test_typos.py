"""Which refused numbers look like a slip of the hand."""

from collections.abc import Callable, Iterator, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.numbers import POST
from tracking_service.numbering import Format, Pattern, Shipment, is_likely_typo, parse
from tracking_service.numbering.builtin import FORMER_ROUTED, ROUTED
from tracking_service.numbering.typos import LOOKED_UP_MOST, TRIED_MOST

KEY = bytes(range(32))
NEW, FORMER, S10 = (Format(pattern, KEY) for pattern in (ROUTED, FORMER_ROUTED, POST))
SHIPMENT = Shipment("MY", "ID")
LEASED = 10_000_000

Space = tuple[Format, int]
"""Serials below this number have been leased."""


def looks_like_typo(text: str, *spaces: Space) -> bool:
    def count_leased(numbers: Sequence[str]) -> int:
        return sum(
            written.pattern.shape.fits(number) and written.decode(number).serial < leased
            for written, leased in spaces
            for number in numbers
        )

    return is_likely_typo(text, [written.pattern for written, _ in spaces], count_leased)


SPACES = [(NEW, LEASED), (S10, 1_000)]


@settings(max_examples=60, deadline=None)
@given(
    written=st.sampled_from([NEW, FORMER]),
    serial=st.integers(0, LEASED - 1),
    at=st.integers(0, 15),
    data=st.data(),
)
def test_one_wrong_character_in_a_leased_number_looks_like_it(
    written: Format, serial: int, at: int, data: st.DataObject
) -> None:
    number = written.encode(serial, SHIPMENT)
    wrong = data.draw(st.sampled_from("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ$ß"))
    typed = number[:at] + wrong + number[at + 1 :]

    # Read as it was meant, it is no slip at all.
    assert (written.pattern.shape.read(typed) != number) is looks_like_typo(
        typed, (written, LEASED)
    )


@pytest.mark.parametrize("at", range(15))
def test_swapped_neighbours_in_a_leased_number_look_like_it(at: int) -> None:
    for serial in range(3):
        number = NEW.encode(serial, SHIPMENT)
        swapped = number[:at] + number[at + 1] + number[at] + number[at + 2 :]

        assert (swapped != number) is looks_like_typo(swapped, *SPACES)


def with_all(characters: str) -> str:
    """A number of the first version's alphabet that has each of these characters."""
    numbers = (FORMER.encode(serial, SHIPMENT) for serial in range(LEASED))
    return next(number for number in numbers if set(characters) <= set(number[4:]))


@pytest.mark.parametrize("habit", ["O0", "0O", "I1", "1I"])
def test_one_habit_makes_many_errors_and_looks_like_one_slip(habit: str) -> None:
    """Two characters that look alike, where an alphabet has both, are typed as one."""
    number = with_all("OI01")
    taken, typed = habit[0], habit[1]
    spoilt = number[:4] + number[4:].replace(taken, typed)

    assert spoilt != number
    assert looks_like_typo(spoilt, (FORMER, LEASED))


def test_both_habits_at_once_are_one_slip_too() -> None:
    number = with_all("OI")
    spoilt = number[:4] + number[4:].replace("O", "0").replace("I", "1")

    assert looks_like_typo(spoilt, (FORMER, LEASED))


def test_where_no_letter_can_be_meant_a_habit_is_no_slip_beside_another() -> None:
    number = next(
        number
        for number in (NEW.encode(serial, SHIPMENT) for serial in range(1_000))
        if number[4:].count("0") > 1
    )
    typed = number[:4] + number[4:].replace("0", "O")
    at = next(at for at in range(5, 15) if number[at] not in "01")
    slip = typed[:at] + ("A" if typed[at] != "A" else "B") + typed[at + 1 :]

    assert number == ROUTED.shape.read(typed)
    assert looks_like_typo(slip, *SPACES)


def test_two_wrong_characters_do_not_look_like_it() -> None:
    number = NEW.encode(1, SHIPMENT)

    assert not looks_like_typo("ID" + number[2:14] + "00", *SPACES)


def test_a_wrong_character_in_a_number_never_leased_does_not_look_like_it() -> None:
    """Its check character could be mended in many ways, none of which leads to a real number."""
    number = NEW.encode(LEASED, SHIPMENT)
    typed = number[:7] + ("0" if number[7] != "0" else "1") + number[8:]
    by_check_alone = sum(
        ROUTED.checker.is_right(typed[:at] + character + typed[at + 1 :])
        for at in range(4, 16)
        for character in ROUTED.alphabet.characters
    )

    assert by_check_alone > 8
    assert not looks_like_typo(typed, *SPACES)


def test_a_letter_among_the_digits_of_s10_looks_like_it() -> None:
    number = S10.encode(1, SHIPMENT)

    assert looks_like_typo(number[:5] + "B" + number[6:], *SPACES)


def test_a_crowded_space_says_nothing() -> None:
    """With every serial leased, several of the neighbours are numbers."""
    number = S10.encode(1, SHIPMENT)
    typed = number[:10] + str((int(number[10]) + 1) % 10) + number[11:]

    assert not looks_like_typo(typed, (S10, 10**8))


LETTERS = parse("{body:4}", "base36")


@pytest.mark.parametrize(
    "leased, expected",
    [
        (set(), False),
        ({"AB.D"}, False),
        ({"ABCD"}, True),
        ({"AB0D"}, True),
        ({"ABCD", "AB0D"}, False),
        ({"BACD"}, False),
        ({"ABC", "ABCDE", "abcd"}, False),
    ],
)
def test_exactly_one_mend_must_have_been_leased(leased: set[str], expected: bool) -> None:
    assert is_likely_typo("AB.D", [LETTERS], counts(leased)) is expected


def counts(leased: set[str]) -> Callable[[Sequence[str]], int]:
    return lambda numbers: len(leased.intersection(numbers))


def test_mends_in_two_spaces_are_two() -> None:
    digits, other = parse("A{serial:6}", "digits"), parse("B{serial:6}", "digits")
    count_leased = counts({"A123456", "B123456"})

    assert not is_likely_typo("C123456", [digits, other], count_leased)
    assert is_likely_typo("C123456", [digits], count_leased)


@pytest.mark.parametrize("foreign", ["$", ".", "_", "?", "Ö", "+", "ß", "ſ", "٣", "\ud800", "\0"])
@pytest.mark.parametrize("at", [0, 5, 15])
def test_a_character_that_no_number_has_looks_like_it(foreign: str, at: int) -> None:
    number = NEW.encode(7, SHIPMENT)

    assert looks_like_typo(number[:at] + foreign + number[at + 1 :], *SPACES)


def test_it_accepts_what_the_number_accepts() -> None:
    number = NEW.encode(7, SHIPMENT).lower()

    assert looks_like_typo(f"\t{number[:4]}-{number[4:6]}$\u00a0{number[7:]}\r\n", *SPACES)


@pytest.mark.parametrize(
    "spoilt",
    [
        lambda number: number + "$",
        lambda number: "$" + number,
        lambda number: number[:7] + number[8:],
        lambda number: number[:7] + "$" + number[9:],
        lambda number: number[:7] + "-" + number[8:],
        lambda number: number[:7] + "SS" + number[8:],
        lambda number: number[:7] + "$$" + number[9:],
        lambda number: "ÖÖ" + number[2:],
    ],
)
def test_one_character_too_many_or_too_few_or_two_wrong_ones_do_not(
    spoilt: Callable[[str], str],
) -> None:
    assert not looks_like_typo(spoilt(NEW.encode(7, SHIPMENT)), *SPACES)


PLAIN = parse("{origin}{destination}{body:12}", "base36")
"""Without a check character, so that each candidate is asked about."""


def test_only_in_its_place_is_a_foreign_character_mended() -> None:
    typed = "MYID7K2M0QX4C9T$"
    mends = [typed[:-1] + character for character in PLAIN.alphabet.characters]

    assert [mends] == asked_for(typed, PLAIN)
    assert [] == asked_for("MYID7K2M0QX4C$$$", PLAIN)


def test_the_counters_are_looked_at_once_and_for_few_of_the_candidates() -> None:
    for serial in range(20):
        number = FORMER.encode(serial, SHIPMENT)
        ((*asked,),) = asked_for(number[:-1] + ("0" if number[-1] != "0" else "2"), FORMER_ROUTED)

        # A wrong character in any of sixteen places, a few swaps and habits.
        assert 8 < len(asked) < 30
        assert len(asked) == len(set(asked))
        assert all(FORMER_ROUTED.checker.is_right(each) for each in asked)


def test_of_more_candidates_than_are_looked_up_nothing_is_said() -> None:
    """One letter of AA makes it any of some fifty countries."""
    assert [] == asked_for("AAID7K2M0QX4C9TU", PLAIN)

    ((*asked,),) = asked_for("XXID7K2M0QX4C9TU", PLAIN)

    assert 20 < len(asked) <= LOOKED_UP_MOST


def test_so_many_candidates_are_tried_and_no_more() -> None:
    tried: list[str] = []

    def patterns() -> Iterator[Pattern]:
        for at in range(10_000):
            tried.append(f"X{at:04}")
            yield parse(f"X{at:04}{{body:6}}{{check}}", "digits")

    assert not is_likely_typo("X1$345678901", patterns(), lambda _: 1)
    assert len(tried) <= TRIED_MOST


def asked_for(typed: str, *patterns: Pattern) -> list[list[str]]:
    """The numbers of each look at the counters, which find nothing."""
    asked: list[list[str]] = []

    def note(numbers: Sequence[str]) -> int:
        asked.append(list(numbers))
        return 0

    assert not is_likely_typo(typed, patterns, note)
    return asked


@pytest.mark.parametrize("typed", ["A" * 17, "A" * 1_000_000, "$" * 1_000_000, ""])
def test_a_text_that_is_as_long_as_no_number_costs_nothing(typed: str) -> None:
    assert [] == asked_for(typed, ROUTED)
