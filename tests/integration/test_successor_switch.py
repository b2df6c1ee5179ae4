"""A series runs out under load, and its successor is named meanwhile: real instances, real commands."""

from __future__ import annotations

from collections import Counter

from tests.support.commands import flask
from tests.support.fleet import Fleet
from tests.support.load import Load
from tracking_service.instance.succession import NOTICE_SECONDS

RATE = 200
SERIALS = round(RATE * NOTICE_SECONDS * 3)
"""Enough to be issued from for three times as long as an instance takes to hear of a successor."""


def test_a_series_is_changed_under_load_without_a_failed_request(database_url: str) -> None:
    env = {"DATABASE_URL": database_url}

    def run(words: str) -> None:
        done = flask("series", *words.split(), env=env)
        assert 0 == done.returncode, done.stderr

    options = "--alphabet crockford --block-size 50"
    run(f"create air --pattern A{{body:9}}{{check}} {options} --serials {SERIALS}")
    run(f"create air-2 --pattern B{{body:9}}{{check}} {options} --serials 2000")
    run(f"create air-3 --pattern C{{body:9}}{{check}} {options}")
    with (
        Fleet(database_url, 2) as fleet,
        Load(fleet.addresses, clients=4, rate=RATE, series="air") as load,
    ):
        load.wait_for(RATE)
        run("successor air air-2")
        run("successor air-2 air-3")
        load.wait_for(SERIALS + 2000 + 2 * RATE, seconds=60)
        load.close()
        verdict = load.history.verdict()
        assert verdict.unique, str(verdict)
        assert 0 == verdict.failures == verdict.perhaps
        numbers = load.history.numbers()
        issued = Counter(number[0] for number in numbers)

        # Every serial of a series is used before the next series goes on without it.
        assert {"A": SERIALS, "B": 2000} == {letter: issued[letter] for letter in "AB"}
        last = fleet[1].get(f"/api/tracking-numbers/{numbers[-1]}").json()
        assert "air-3" == last["series"]
        status = {each["name"]: each for each in fleet[0].get("/api/status").json()["series"]}
        assert ("air-2", 0) == (status["air"]["successor"], status["air"]["remaining"])
        metrics = fleet[0].get("/metrics").body.decode()
        assert 'tracking_series_has_successor{series="air"} 1.0' in metrics
