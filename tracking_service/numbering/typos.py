"""Whether a number that is refused looks like one of ours with a slip of the hand in it.

Any wrong check character can be mended by changing almost any one character: that says nothing.
So a mend counts here only where the mended number is one that has been leased, which the caller
looks up. In a sparse space a number has next to never such a neighbour by chance, so 'exactly one'
means that the sender almost surely meant that one. In a crowded space (an S10 series that is well
used) several neighbours may be numbers too; then nothing is said, as it would be a guess.

A slip is one wrong character, one swap of neighbours, or one habit: to take O for 0 and I for 1,
or the other way round, wherever a number has them.

Anyone may send a wrong number, so its cost is bounded, by counts that are the same on any machine.
Arithmetic comes first: of the candidates hardly any has a check character that is right.

The mended number is not returned: whoever holds a damaged number should look at the label again
rather than be handed a number that was not asked for.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import product

from tracking_service.numbering.pattern import Pattern
from tracking_service.numbering.reading import squeeze
from tracking_service.numbering.shape import Shape

_CONFUSED = {"O": "O0", "0": "0O", "I": "I1", "1": "1I"}

CONFUSED_MOST = 8
"""Places with O, 0, I or 1: at more, such a habit is not looked for."""

TRIED_MOST = 1200
"""Candidates, and patterns that are looked at, for one number: at more, nothing is said of it. One
pattern has 830 candidates at the most."""

LOOKED_UP_MOST = 40
"""Candidates with a check character that is right: at more, nothing is said. A pattern has some 16,
and without a check character 36 where one character is none of its alphabet."""


def is_likely_typo(
    text: str, patterns: Iterable[Pattern], count_leased: Callable[[Sequence[str]], int]
) -> bool:
    """Whether exactly one slip explains how a number of one of the patterns became `text`.

    `text` is what was typed and has been refused; what `compact` accepts is no slip.
    `count_leased(numbers)` says how many of these numbers have been leased. Their check characters
    are right, and it is called once at the most, with LOOKED_UP_MOST numbers at the most.
    """
    typed = squeeze(text)
    right: dict[str, None] = {}
    for tried, (pattern, mend) in enumerate(_candidates(typed, patterns)):
        if tried >= TRIED_MOST or len(right) > LOOKED_UP_MOST:
            return False
        if mend is not None and pattern.checker.is_right(mend) and pattern.shape.fits(mend):
            right[mend] = None
    return 0 < len(right) <= LOOKED_UP_MOST and count_leased(tuple(right)) == 1


def _candidates(typed: str, patterns: Iterable[Pattern]) -> Iterator[tuple[Pattern, str | None]]:
    """Each pattern with None, for to look at it costs something too, and then with each mend."""
    for pattern in patterns:
        yield pattern, None
        for mend in _mends(typed, pattern.shape):
            yield pattern, mend


def _mends(typed: str, shape: Shape) -> Iterator[str]:
    """The texts one slip away from this one in which every character may stand at its place.

    A country or a day in them may still be wrong.
    """
    if len(typed) != len(shape.characters):
        return
    number = shape.read_look_alikes(typed)
    wrong = [
        at
        for at, (character, allowed) in enumerate(zip(number, shape.characters, strict=True))
        if character not in allowed
    ]
    if len(wrong) <= 1:
        for at in wrong or range(len(number)):
            for character in shape.characters[at]:
                if character != number[at]:
                    yield number[:at] + character + number[at + 1 :]
    yield from _swapped(typed, number, wrong, shape)
    if all(_can_be_confused(number[at], shape.characters[at]) for at in wrong):
        yield from _confused(number, shape)


def _swapped(typed: str, number: str, wrong: Sequence[int], shape: Shape) -> Iterator[str]:
    first, last = 0, len(typed) - 2
    if wrong:
        # A swap mends nothing outside its two places.
        first, last = max(first, wrong[-1] - 1), min(last, wrong[0])
    for at in range(first, last + 1):
        if typed[at] != typed[at + 1]:
            swapped = typed[:at] + typed[at + 1] + typed[at] + typed[at + 2 :]
            swapped = shape.read_look_alikes(swapped)
            if swapped != number and all(
                swapped[place] in shape.characters[place] for place in (at, at + 1)
            ):
                yield swapped


def _can_be_confused(character: str, allowed: str) -> bool:
    return any(each in allowed for each in _CONFUSED.get(character, ""))


def _confused(number: str, shape: Shape) -> Iterator[str]:
    """Every text that has O, 0, I and 1 in the same places."""
    options = [
        [each for each in _CONFUSED.get(character, character) if each in allowed]
        for character, allowed in zip(number, shape.characters, strict=True)
    ]
    if sum(len(each) > 1 for each in options) <= CONFUSED_MOST:
        for characters in product(*options):
            candidate = "".join(characters)
            if candidate != number:
                yield candidate
