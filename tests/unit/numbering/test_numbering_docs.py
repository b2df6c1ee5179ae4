"""What the docs of the numbers say is run as it stands."""

import re
from pathlib import Path
from types import ModuleType

import pytest

from tracking_service.numbering import FORMATS, Shipment
from tracking_service.numbering.format import Format, FormatKind

DOCS = Path(__file__).parents[3] / "docs"
SHIPMENT = Shipment("MY", "ID")


def worked_example() -> FormatKind:
    page = (DOCS / "formats.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```python\n(.*?)^```", page, re.DOTALL | re.MULTILINE)
    module = ModuleType("depot")
    exec(next(block for block in blocks if "class Depot" in block), module.__dict__)
    kind = module.__dict__["KIND"]
    assert isinstance(kind, FormatKind)
    return kind


def test_the_format_that_the_docs_add_works() -> None:
    kind = worked_example()
    built: Format = kind.build(bytes(32), kind.validate({}, {"MY"}))
    serials = [0, 1, 2, kind.capacity - 1]
    numbers = [built.encode(serial, SHIPMENT) for serial in serials]

    assert [built.decode(number).serial for number in numbers] == serials
    assert {kind.recognise(number) for number in numbers} == {kind.space({})}
    assert {built.width} == {len(number) for number in numbers}
    assert "".join(numbers[:3]).encode("ascii") == built.encode_many(0, 3, SHIPMENT)
    assert not [
        number for number in numbers for other in FORMATS.values() if other.recognise(number)
    ]


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_has_its_place_in_the_docs(name: str) -> None:
    assert f"## `{name}`" in (DOCS / "formats.md").read_text(encoding="utf-8")
