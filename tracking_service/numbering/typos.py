"""Whether a number that is refused looks like one of ours with a slip of the hand in it.

Any wrong check character can be mended by changing almost any one character: that says nothing.
So a mend counts here only where the mended number is one that has been leased, which the caller's
predicate tells. In a sparse space a number has next to never such a neighbour by chance, so
'exactly one' means that the sender almost surely meant that one. In a crowded space (an S10 series
that is well used) several neighbours may be numbers too; then nothing is said, as it would be a
guess.

A slip is one wrong character, one swap of neighbours, or one habit: to take O for 0 and I for 1,
or the other way round, wherever a number has them.

The mended number is not returned: whoever holds a damaged number should look at the label again
rather than be handed a number that was not asked for.
"""

from collections.abc import Callable, Iterable, Iterator
from itertools import product

from tracking_service.numbering.reading import squeeze
from tracking_service.numbering.shape import Shape

_CONFUSED = {"O": "O0", "0": "0O", "I": "I1", "1": "1I"}

CONFUSED_MOST = 8
"""Places with O, 0, I or 1: at more, such a habit is not looked for."""


def is_likely_typo(text: str, spaces: Iterable[tuple[Shape, Callable[[str], bool]]]) -> bool:
    """Whether exactly one slip explains how a number of one of the spaces became `text`.

    `text` is what was typed and has been refused; what `compact` reads kindly is no slip. Each
    space is its numbers' shape and `plausible(candidate)`, which says whether a compact number of
    this shape could have been issued: its check character is right, and its serial is in a range
    that has been leased. It must answer from memory and raise nothing; it is asked at most 830
    times for a space, and hardly any candidate gets past the check character.
    """
    typed = squeeze(text)
    found: set[str] = set()
    for shape, plausible in spaces:
        found.update(mend for mend in _mends(typed, shape) if plausible(mend))
        if len(found) > 1:
            return False
    return len(found) == 1


def _mends(typed: str, shape: Shape) -> Iterator[str]:
    """Every text of this shape that is one slip away from this one."""
    if len(typed) != len(shape.characters):
        return
    number = shape.read_look_alikes(typed)
    wrong = [
        at
        for at, (character, allowed) in enumerate(zip(number, shape.characters, strict=True))
        if character not in allowed
    ]
    if len(wrong) > 2:
        # Of many spaces few are so near.
        return
    if len(wrong) <= 1:
        for at in wrong or range(len(number)):
            for character in shape.characters[at]:
                if character != number[at]:
                    yield from _if_fits(number[:at] + character + number[at + 1 :], shape)
    for at in range(len(typed) - 1):
        first, second = typed[at], typed[at + 1]
        if first != second:
            swapped = shape.read_look_alikes(typed[:at] + second + first + typed[at + 2 :])
            if swapped != number:
                yield from _if_fits(swapped, shape)
    yield from _confused(number, shape)


def _confused(number: str, shape: Shape) -> Iterator[str]:
    """Every text that has O, 0, I and 1 in the same places."""
    options = [
        [each for each in _CONFUSED.get(character, character) if each in allowed] or [character]
        for character, allowed in zip(number, shape.characters, strict=True)
    ]
    if sum(len(each) > 1 for each in options) <= CONFUSED_MOST:
        for characters in product(*options):
            candidate = "".join(characters)
            if candidate != number:
                yield from _if_fits(candidate, shape)


def _if_fits(candidate: str, shape: Shape) -> Iterator[str]:
    if shape.fits(candidate):
        yield candidate
