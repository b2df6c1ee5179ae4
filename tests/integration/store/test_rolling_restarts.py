"""Tails that go from host to host: each has high-water marks of its own, and no serial is lost."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from random import Random

import pytest

from tests.support.stores import Stores
from tracking_service.allocation import HighWaterMarks
from tracking_service.instance.instance import Instance

SERIES, HOSTS = "small", "ab"


class Fleet:
    """One instance on each of two hosts, none of which has a thread."""

    def __init__(self, stores: Stores, folder: Path) -> None:
        self.stores, self.folder = stores, folder
        self.issued: list[int] = []
        self.count = 0
        self.live = {host: self.start(host) for host in HOSTS}

    def start(self, host: str) -> Instance:
        self.count += 1
        name = f"{host}:{self.count}:{self.count:08x}"
        instance = Instance(
            self.stores.store,
            self.stores.series,
            HighWaterMarks(self.folder / host),
            threaded=False,
            wait_seconds=0.0,
            new_name=lambda: name,
            register_hooks=lambda _: None,
        )
        instance.registry.request(SERIES)
        instance.leaser.step()
        return instance

    def stop(self, host: str) -> None:
        assert self.live.pop(host).close() is not None

    def issue(self, host: str, count: int) -> None:
        instance = self.live[host]
        for _ in range(count):
            self.issued.append(instance.registry.open[SERIES].allocator.next())
            instance.leaser.step()

    @property
    def serials(self) -> Counter[str]:
        found = Counter[str]()
        for start, end, state in self.stores.states(SERIES):
            found[state] += end - start
        return found


@pytest.mark.parametrize("surges", [False, True], ids=["together", "new ones first"])
def test_restarts_of_two_hosts_lose_no_serial(stores: Stores, tmp_path: Path, surges: bool) -> None:
    draw = Random(1)
    fleet = Fleet(stores, tmp_path)
    for _ in range(15):
        order = draw.sample(HOSTS, 2)
        for host in order:
            if surges:
                old = fleet.live[host]
                fleet.live[host] = fleet.start(host)
                assert old.close() is not None
            else:
                fleet.stop(host)
        for host in draw.sample(HOSTS, 2):
            if not surges:
                fleet.live[host] = fleet.start(host)
            # An idle instance hands back whole what another host has leased before.
            fleet.issue(host, draw.randrange(3))
    for host in HOSTS:
        fleet.stop(host)

    assert len(fleet.issued) == len(set(fleet.issued)) > 20
    assert {"spent", "returned"} == set(fleet.serials)
    assert len(fleet.issued) == fleet.serials["spent"]


def test_the_last_serials_of_a_series_go_from_host_to_host(stores: Stores, tmp_path: Path) -> None:
    """Nothing is left to be leased but a tail that both hosts have had."""
    fleet = Fleet(stores, tmp_path)
    for host in HOSTS:
        fleet.stop(host)
    stores.change("UPDATE block SET state = 'spent' WHERE start > 0")
    stores.change(
        "UPDATE series SET next_serial = end_serial, returned_blocks = 1 WHERE name = :name",
        name=SERIES,
    )
    for host in HOSTS * 5:
        fleet.live[host] = fleet.start(host)
        fleet.issue(host, 1)
        fleet.stop(host)

    assert list(range(10)) == fleet.issued
