"""Which request ids are taken over, and what a new one is like."""

import re

import pytest

from tracking_service.telemetry.logs import choose_id

MADE = re.compile(r"[0-9a-f]{16}")


@pytest.mark.parametrize("given", ["a", "A-Z.a_z-0.9", "x" * 128, "de619854-b59b-425e", "..", "-"])
def test_a_sane_id_is_taken_over(given: str) -> None:
    assert given == choose_id(given)


@pytest.mark.parametrize(
    "given",
    [None, "", "x" * 129, "a b", "a\n", "a\r\nSet-Cookie: x", "é", "a,b", "<script>", "a\0"],
)
def test_any_other_is_replaced(given: str | None) -> None:
    made = choose_id(given)

    assert made != given
    assert MADE.fullmatch(made)


def test_new_ids_differ_and_do_not_count_up() -> None:
    made = [choose_id(None) for _ in range(1000)]

    assert 1000 == len(set(made))
    assert made != sorted(made)
