"""Finds the shapes that a text could be of, in a time that does not grow with their number.

Many shapes may differ in their fixed characters, such as a prefix. Few have these in common, for
each free place has one of few alphabets. So shapes are kept by their fixed characters. O, I and L
count as the digits that they are read as.
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Generic, TypeVar

from tracking_service.numbering.alphabets import DIGITS, LETTERS
from tracking_service.numbering.shape import LOOK_ALIKES, Shape

T = TypeVar("T")

_Places = tuple[int, ...]
_Named = dict[str, tuple[Shape, T]]

_FOLD = str.maketrans(LOOK_ALIKES)
_FOLDED = "".join(sorted(set((DIGITS + LETTERS).translate(_FOLD))))


class ShapeIndex(Generic[T]):
    """Shapes, each with a name and a value; they are only added.

    Threads may use it without a lock, which another thread might hold at a fork.
    """

    def __init__(self) -> None:
        # By width, by the places of the fixed characters, by these characters, by name.
        self._shapes: dict[int, dict[_Places, dict[str, _Named[T]]]] = {}

    def add(self, name: str, shape: Shape, value: T) -> None:
        """Add a shape; nothing happens where one of this name was added before."""
        characters = shape.characters
        places = tuple(at for at, allowed in enumerate(characters) if len(allowed) == 1)
        key = "".join(characters[at] for at in places).translate(_FOLD)
        by_places = self._shapes.setdefault(len(characters), {})
        by_places.setdefault(places, {}).setdefault(key, {}).setdefault(name, (shape, value))

    def read(self, number: str) -> tuple[T, str] | None:
        """The value of the shape that a compact text has, and the number that the text means."""
        folded = number.translate(_FOLD)
        for places, by_key in self._of_width(len(number)):
            for shape, value in _at(by_key, _key(folded, places)):
                read = shape.read(number)
                if read is not None:
                    return value, read
        return None

    def near(self, typed: str) -> Iterator[T]:
        """The values of the shapes whose fixed characters are at most one slip away from a text.

        A slip is one wrong character or one swap of neighbours. First come those without a slip,
        and none comes twice.
        """
        folded = typed.translate(_FOLD)
        for places, by_key in self._of_width(len(typed)):
            for _, value in _at(by_key, _key(folded, places)):
                yield value
        for places, by_key in self._of_width(len(typed)):
            for key in _slipped(folded, places):
                # Few of these are any shape's.
                if key in by_key:
                    for _, value in _at(by_key, key):
                        yield value

    def _of_width(self, width: int) -> Sequence[tuple[_Places, dict[str, _Named[T]]]]:
        # Copied in one step, for other threads may add to it.
        return tuple(self._shapes.get(width, {}).items())


def _at(by_key: dict[str, _Named[T]], key: str) -> Sequence[tuple[Shape, T]]:
    return tuple(by_key[key].values()) if key in by_key else ()


def _key(folded: str, places: _Places) -> str:
    return "".join([folded[at] for at in places])


def _slipped(folded: str, places: _Places) -> Iterator[str]:
    """The characters at these places in the texts that are one slip away, if the slip changes them.

    A swap across the edge of the places changes one of them, as a wrong character does.
    """
    key = _key(folded, places)
    for at, (place, following) in enumerate(pairwise(places)):
        if following == place + 1 and key[at] != key[at + 1]:
            yield key[:at] + key[at + 1] + key[at] + key[at + 2 :]
    for at, typed in enumerate(key):
        before, after = key[:at], key[at + 1 :]
        for character in _FOLDED:
            if character != typed:
                yield before + character + after
