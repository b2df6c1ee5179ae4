"""Tests of the simulation: with a protection taken out, it finds that it is missing.

`python -m tests.simulation canaries` looks for each from the first history on; here is where that
found it. A change of what may happen, or of its weight, changes the histories: look again then.
"""

from __future__ import annotations

import pytest

from tests.simulation import campaign, history
from tests.simulation.canaries import CANARIES, RARE
from tracking_service.allocation.ranges import Ranges

FOUND_AT = {
    "timeline": 1000003,
    "mark": 1000002,
    "neighbours": 1000031,
    "fsync": 1000038,
    "marks-lock": 1000108,
    "unknown-commit": 1000000,
    "lease-lock": 1000050,
    "hand-back": 1000001,
    "fork": 1000008,
    "first-key": 1000005,
    "host-clock": 1000011,
    "random-half": 1000216,
    "last-holder": 44001764,
}
"""The seed of a history that fails without the protection, and holds with it."""


def test_every_canary_has_a_history() -> None:
    assert {*CANARIES, *RARE} == set(FOUND_AT)


@pytest.mark.parametrize("name", FOUND_AT)
def test_a_protection_that_is_taken_out_is_missed(name: str) -> None:
    _, variant = {**CANARIES, **RARE}[name]
    with campaign.silence():
        without = history.run(FOUND_AT[name], variant=variant)
        with_it = history.run(FOUND_AT[name])

    assert without.fault
    assert with_it.fault is None


def test_an_instance_that_does_not_know_its_own_serials_is_missed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Found after 3,317 histories. Nothing else asks ranges whether they overlap."""
    with campaign.silence():
        with_it = history.run(2003316)
        monkeypatch.setattr(Ranges, "overlaps", lambda *_: False)
        without = history.run(2003316)

    assert without.fault
    assert with_it.fault is None
