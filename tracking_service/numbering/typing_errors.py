"""Whether a number that is refused looks like one of ours with a slip of the fingers in it.

Any wrong check character can be mended by changing almost any one character: that says nothing.
So a mend counts here only where the mended number is one that has been leased, which the caller's
predicate tells. In a sparse space a number has next to never such a neighbour by chance, so
'exactly one' means that the sender almost surely meant that one. In a crowded space (an S10 series
that is well used) several neighbours may be numbers too; then nothing is said, as it would be a
guess.

The mended number is not returned: whoever holds a damaged number should look at the label again
rather than be handed a number that was not asked for.
"""

from collections.abc import Callable, Iterator

from tracking_service.numbering.base36 import ALPHABET

# The longest number that the contract allows: 16 * 35 substitutions and 15 swaps at the most.
_LONGEST = 16


def looks_like_typing_error(text: str, plausible: Callable[[str], bool]) -> bool:
    """Whether exactly one substitution or swap of neighbours gives a plausible number.

    `text` is what was typed and has been refused; spaces, hyphens and lower case are no slips.
    `plausible(candidate)` says whether a compact number of the same length could have been issued:
    it has its shape and check character, and its serial is in a range that has been leased. It must
    answer from memory and raise nothing; it is asked at most 575 times, and hardly any candidate
    gets past the check character. Numbers longer than 16 characters are none of ours: False.
    """
    # As `compact` does, but for a character that no number has, which may be the slip. Those beyond
    # ASCII are no letters of ours, though some would turn into them, or into two, in upper case.
    typed = text.encode("ascii", "replace").decode("ascii")
    number = typed.replace(" ", "").replace("-", "").upper()
    if len(number) > _LONGEST:
        return False
    found = False
    for candidate in _mends(number):
        if plausible(candidate):
            if found:
                return False
            found = True
    return found


def _mends(number: str) -> Iterator[str]:
    """Every number one slip away from this one, each once."""
    foreign = [at for at, typed in enumerate(number) if typed not in ALPHABET]
    if len(foreign) > 1:
        return
    for at in foreign or range(len(number)):
        before, typed, after = number[:at], number[at], number[at + 1 :]
        for character in ALPHABET:
            if character != typed:
                yield before + character + after
    if foreign:
        # Nothing else mends what no number has in it.
        return
    for at in range(len(number) - 1):
        first, second = number[at], number[at + 1]
        if first != second:
            yield number[:at] + second + first + number[at + 2 :]
