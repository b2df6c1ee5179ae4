"""The benchmarks and the load test still run, each in its smallest form; no figure counts here.

wrk is not needed: where the benchmarks use it, the paced client asks flat out instead.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import __main__ as bench
from benchmarks import report, serving, wrk
from benchmarks.databases import Databases
from benchmarks.peers import BARE, DRF, FASTAPI, FASTAPI_HELLO, GRANIAN, HELLO, SERVICE
from benchmarks.plan import Plan
from benchmarks.results import Figures
from tests.support.commands import ROOT
from tests.support.databases import DatabaseServer

pytestmark = pytest.mark.slow

TINY = Plan(rounds=1, seconds=0.2, connections=4, rate=100, count=200)


def run(module: str, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", module],
        cwd=ROOT,
        env={**os.environ, **env},
        capture_output=True,
        text=True,
        timeout=100,
    )


def test_every_part_of_the_benchmark_runs_and_is_kept(
    postgres_server: DatabaseServer, tmp_path: Path
) -> None:
    figures = Figures()
    bench.measure(
        TINY,
        Databases(postgres_server, "PostgreSQL"),
        figures,
        # One of the servers; test_servers.py starts them all.
        servers=(GRANIAN,),
        generator=serving.by_paced_client,
        serials=2_000,
    )
    bench.keep(figures, {"processor": "p", "processors": "2", "python": "P"}, 200, tmp_path)
    document = json.loads((tmp_path / "results.json").read_text())
    page = (tmp_path / "results.md").read_text()

    assert set(report.TITLES) == set(figures.parts())
    assert {BARE, HELLO, SERVICE, FASTAPI_HELLO, FASTAPI, DRF} == {
        figure.of for figure in figures if figure.quantity == serving.FLAT_OUT
    }
    assert len(document["figures"]) == len(list(figures))
    assert {
        "this service over bare WSGI, granian",
        "this service over Flask hello world, granian",
        "this service over FastAPI hello world, granian",
        "this service over FastAPI, granian",
        "this service over Django REST framework on gunicorn, granian",
        "this service over Flask hello world, whole application, mixed traffic",
        "this service over Flask hello world, whole application, new customers",
        "leases per 10,000 numbers, granian",
        "next(), 1 thread",
        "next(), 16 threads over 1",
        "200 numbers in process",
        "200 numbers over HTTP, granian",
        "p99 of singles beside batches over beside strangers, granian",
    } == {target["name"] for target in document["targets"]}
    assert all(f"## {title}" in page for title in report.TITLES.values())
    assert (tmp_path / "results.png").stat().st_size > 10_000


def test_scale_measures_leases_and_simulates_instances(
    postgres_server: DatabaseServer, tmp_path: Path
) -> None:
    done = run(
        "benchmarks.scale",
        BENCH_DATABASE_URL=postgres_server.url(),
        BENCH_RESULTS=str(tmp_path),
        SCALE_SECONDS="0.1",
        SCALE_PROCESSES="2",
        SCALE_INSTANCES="10",
        SCALE_SERIES="100",
        SCALE_OPEN="2",
    )

    assert 0 == done.returncode, done.stderr

    found = json.loads((tmp_path / "scale.json").read_text())

    assert [(1, 1), (1, 10), (1, 100), (2, 1), (2, 10), (2, 100)] == [
        (each["processes"], each["blocks"]) for each in found["measured"]
    ]
    assert all(each["leases_per_second"] > 0 for each in found["measured"])
    assert {"one block", "reserve", "cold"} == set(found["simulated"])
    assert "numbers a second in all" in (tmp_path / "scale.md").read_text()
    assert (tmp_path / "scale-leases.png").exists()
    assert (tmp_path / "scale-simulated.png").exists()

    many = json.loads((tmp_path / "many-series.json").read_text())["measured"]

    assert [(1, 1, 1), (100, 1, 2), (1, 1, 1), (100, 100, 2)] == [
        (each["series"], each["patterns"], each["open"]) for each in many
    ]
    assert all(0 < each[quantity] for each in many for quantity in ("verify", "bad_number"))
    assert "| 100 | 100 | 2 |" in (tmp_path / "many-series.md").read_text()


def test_the_load_test_finds_nothing_wrong_with_the_service() -> None:
    done = run("loadtests", LOAD_USERS="4", LOAD_SECONDS="2", LOAD_HOST="")

    assert 0 == done.returncode, done.stderr
    assert " 0 of them given twice" in done.stdout


def test_without_wrk_the_benchmark_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: None)

    with pytest.raises(wrk.LoadError, match="apt-get install wrk"):
        wrk.program()


def test_an_unknown_part_is_refused_in_one_line() -> None:
    done = run("benchmarks", BENCH_ONLY="throughput,speed")

    assert 1 == done.returncode
    assert 1 == len(done.stderr.splitlines())
    assert "speed" in done.stderr
