"""compose.yaml on a real Docker engine: what it starts, what is let through, what goes unnoticed."""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path

import pytest

from tests.support.client import number_path
from tests.support.compose import INSTANCES, Compose
from tests.support.load import Load
from tests.support.waiting import wait_until

# The first test waits for the images and for all that `up` starts.
pytestmark = pytest.mark.timeout(900)

RATE = 150.0


def healthy(compose: Compose, service: str) -> bool:
    return bool(compose.inspect(service)["State"]["Health"]["Status"] == "healthy")


def test_all_are_up_and_healthy_and_the_schema_was_migrated_once(compose: Compose) -> None:
    migrate = compose.inspect("migrate")["State"]

    assert [True] * 5 == [healthy(compose, name) for name in ("postgres", *INSTANCES, "nginx")]
    assert ("exited", 0) == (migrate["Status"], migrate["ExitCode"])
    assert 1 == compose.run("logs", "migrate").count('"revision": "0001"')
    assert b'{"status": "ok"}' == compose.get("/healthz").body


def test_the_instances_began_after_the_migrations_had_ended(compose: Compose) -> None:
    ended = compose.inspect("migrate")["State"]["FinishedAt"]

    assert all(compose.inspect(name)["State"]["StartedAt"] > ended for name in INSTANCES)


@pytest.mark.parametrize("service", INSTANCES)
def test_an_instance_is_a_user_that_may_do_and_write_nothing_else(
    compose: Compose, service: str
) -> None:
    status = compose.run("exec", service, "cat", "/proc/1/status")
    told = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    may_write = {
        folder: compose.attempt("exec", service, "touch", f"{folder}/x").returncode == 0
        for folder in ("/app", "/opt/venv", "/etc", "/tmp", "/var/lib/tracking")
    }

    assert ["10001"] * 4 == told["Uid"].split()
    assert ("1", "0000000000000000") == (told["NoNewPrivs"], told["CapEff"])
    assert [folder for folder in may_write if may_write[folder]] == ["/tmp", "/var/lib/tracking"]


def test_process_1_is_the_server_itself(compose: Compose) -> None:
    command = compose.run("exec", "tracking-1", "cat", "/proc/1/cmdline").split("\0")

    assert ["/opt/venv/bin/flask", "serve"] == command[1:3]


def test_the_image_holds_what_is_locked_and_nothing_that_installs(compose: Compose) -> None:
    listed = compose.run(
        "exec",
        "tracking-1",
        "python",
        "-c",
        "from importlib.metadata import distributions as all;"
        "print(*sorted(one.name.lower() for one in all()))",
    ).split()

    assert {"flask", "psycopg", "waitress"} <= set(listed)
    assert not {"pip", "setuptools", "wheel", "pytest"} & set(listed)


def test_the_page_and_the_metrics_of_each_instance_are_at_its_own_port(compose: Compose) -> None:
    for name in INSTANCES:
        page = compose.get("/", address=compose.address(name))
        metrics = compose.get("/metrics", address=compose.address(name))

        assert (200, 200) == (page.status, metrics.status)
        assert b"tracking_build_info" in metrics.body
    assert 404 == compose.get("/metrics").status


def test_an_instance_goes_by_its_service_in_the_list_of_leases(compose: Compose) -> None:
    listed = compose.run("exec", "tracking-1", "flask", "blocks", "list", "--json")

    assert set(INSTANCES) == {row["instance"].split(":")[0] for row in json.loads(listed)}


def test_nginx_logs_callers_to_its_output_and_no_health_check(compose: Compose) -> None:
    compose.get(number_path(customer_name="Someone Private"))
    logged = wait_until(
        lambda: text if "GET /api/next" in (text := compose.run("logs", "nginx")) else "",
        seconds=20,
        what="a line in nginx's log",
        pause=0.5,
    )

    assert "/healthz" not in logged
    assert "Private" not in logged


def test_no_log_grows_for_ever(compose: Compose) -> None:
    for name in ("postgres", *INSTANCES, "nginx"):
        logs = compose.inspect(name)["HostConfig"]["LogConfig"]

        assert {"max-file": "3", "max-size": "10m"} == logs["Config"]


def test_a_kill_and_an_upgrade_of_one_after_the_other_go_unnoticed(
    compose: Compose, checkout: Path
) -> None:
    before = [compose.inspect(name)["Id"] for name in INSTANCES]
    first = compose.get(number_path()).json()["tracking_number"]
    with Load([compose.nginx], clients=6, rate=RATE, timeout=15, at_most=400) as load:
        load.wait_for(200)
        # Not `docker kill`, after which the engine would not start it again.
        os.kill(compose.inspect("tracking-1")["State"]["Pid"], signal.SIGKILL)
        wait_until(
            lambda: compose.inspect("tracking-1")["RestartCount"] == 1,
            seconds=30,
            what="the killed instance to be started again",
            pause=0.2,
        )
        wait_until(
            lambda: healthy(compose, "tracking-1"),
            seconds=60,
            what="the killed instance to be healthy",
            pause=0.5,
        )
        # A new version.
        with (checkout / "wsgi.py").open("a") as code:
            code.write("# A line more\n")
        compose.typed("docker compose build")
        compose.typed("docker compose run --rm migrate")
        for name in INSTANCES:
            compose.typed(f"docker compose up --detach --no-deps --wait {name}")
        load.wait_for(200)
    verdict = load.history.verdict()
    sys.stdout.write(f"behind nginx, in containers: {verdict}\n")

    assert verdict.unique, verdict
    assert 0 == verdict.failures + verdict.perhaps, verdict
    # All three are other containers now, of the new image.
    assert not set(before) & {compose.inspect(name)["Id"] for name in INSTANCES}
    assert compose.run("exec", "tracking-3", "tail", "-n", "1", "wsgi.py").startswith("# A line")
    assert 200 == compose.get(f"/api/tracking-numbers/{first}").status


def test_an_instance_that_is_stopped_hands_back_and_ends_with_0(compose: Compose) -> None:
    compose.get(number_path(), address=compose.address("tracking-2"))
    compose.run("stop", "tracking-2")
    state = compose.inspect("tracking-2")["State"]
    logged = compose.run("logs", "--tail=1", "--no-log-prefix", "tracking-2")
    compose.run("start", "tracking-2")

    assert ("exited", 0) == (state["Status"], state["ExitCode"])
    assert "unspent serials were handed back" in logged


def test_what_is_taken_down_and_brought_up_again_knows_its_numbers(compose: Compose) -> None:
    number = compose.get(number_path()).json()["tracking_number"]
    compose.run("down", "--timeout", "40")
    compose.typed("docker compose up --build --detach --wait")

    assert 200 == compose.get(f"/api/tracking-numbers/{number}").status
    assert number != compose.get(number_path()).json()["tracking_number"]
