"""The built package is whole: installed without a checkout in sight, it makes its schema and serves.

TEST_DIST names a folder with the two files to judge, as `make dist` does; else they are built anew.
"""

from __future__ import annotations

import os
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.commands import ROOT
from tests.support.instance import Instance
from tests.support.package import Environment, Packages, build, install

# A slow machine with a slow index installs for longer than a test usually takes.
pytestmark = [pytest.mark.timeout(600), pytest.mark.slow]

PAGES = {".css", ".html", ".js", ".json", ".svg"}


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Packages:
    if built := os.environ.get("TEST_DIST"):
        return Packages.found_in(ROOT / built)
    return build(tmp_path_factory.mktemp("dist"))


@pytest.fixture(scope="module")
def installed(packages: Packages, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    return install(packages.wheel, tmp_path_factory.mktemp("installed"))


def ours() -> Iterator[str]:
    """What serving needs, as a wheel names it."""
    for path in (ROOT / "tracking_service").rglob("*"):
        if path.suffix in {".py", ".typed", *PAGES}:
            yield str(path.relative_to(ROOT))
    for path in (ROOT / "migrations").rglob("*"):
        if path.suffix in {".py", ".ini", ".mako"}:
            yield str(Path("tracking_service") / path.relative_to(ROOT))


def test_the_wheel_holds_all_of_the_package_and_the_migrations(packages: Packages) -> None:
    with zipfile.ZipFile(packages.wheel) as wheel:
        held = {name for name in wheel.namelist() if ".dist-info/" not in name}

    assert sorted(ours()) == sorted(held)


def test_the_sdist_holds_the_migrations_where_the_checkout_has_them(packages: Packages) -> None:
    with tarfile.open(packages.sdist) as sdist:
        held = {Path(*Path(name).parts[1:]) for name in sdist.getnames()}
    wanted = [path.relative_to(ROOT) for path in (ROOT / "migrations").rglob("*.py")]

    assert wanted
    assert [] == [path for path in [*wanted, Path("wsgi.py"), Path("LICENSE")] if path not in held]


def test_the_main_job_and_a_restart(
    installed: Environment, database_url: str, tmp_path: Path
) -> None:
    env = {"DATABASE_URL": database_url, "TRACKING_STATE_DIR": str(tmp_path / "state")}
    serve = [str(installed.program), "serve", "--port", "{port}"]
    with Instance(env, command=serve, folder=installed.elsewhere) as instance:
        before = [instance.number() for _ in range(3)]
        ended = instance.terminate()
        instance.start()
        after = [instance.number() for _ in range(3)]
        known = instance.get(f"/api/tracking-numbers/{before[0]}").json()
        page = instance.get("/")
        log = instance.log()

    assert 0 == ended, log
    assert 6 == len({*before, *after})
    assert ("default", "issued") == (known["series"], known["status"])
    assert (200, "text/html; charset=utf-8") == (page.status, page.headers["Content-Type"])


def test_the_schema_is_made_from_any_folder(
    installed: Environment, empty_database_url: str, tmp_path: Path
) -> None:
    env = {"DATABASE_URL": empty_database_url, "TRACKING_STATE_DIR": str(tmp_path / "state")}
    before = installed.run(installed.program, "series", "list", **env)
    made = installed.run(installed.program, "db", "upgrade", **env)
    after = installed.run(installed.program, "series", "list", **env)

    assert 1 == before.returncode
    assert "`tracking-service db upgrade`" in before.stderr
    assert 0 == made.returncode, made.stderr
    assert after.stdout.splitlines()[1].startswith("default ")


def test_without_settings_its_file_lies_in_the_environment_and_not_among_packages(
    installed: Environment,
) -> None:
    before = sorted(installed.site_packages.iterdir())
    made = installed.run(installed.program, "db", "upgrade")
    leased = installed.run(installed.program, "blocks", "lease")

    assert (0, 0) == (made.returncode, leased.returncode), made.stderr + leased.stderr
    assert {"tracking.sqlite3", "high-water-marks"} <= {
        path.name for path in (installed.folder / "var/tracking_service-instance").iterdir()
    }
    assert [] == list(installed.elsewhere.iterdir())
    assert before == sorted(installed.site_packages.iterdir())


def test_a_setting_names_the_folder_of_its_file(installed: Environment, tmp_path: Path) -> None:
    folder = tmp_path / "of its own"
    made = installed.run(installed.program, "db", "upgrade", TRACKING_INSTANCE_PATH=str(folder))

    assert 0 == made.returncode, made.stderr
    assert (folder / "tracking.sqlite3").is_file()


def test_other_servers_find_the_callable_in_the_package(installed: Environment) -> None:
    code = "from tracking_service.wsgi import app; print(app.name)"
    refused = installed.run(installed.python, "-c", code, TRACKING_NONE_SUCH="1")

    assert "tracking_service\n" == installed.run(installed.python, "-c", code).stdout
    assert "Error: TRACKING_NONE_SUCH is not a setting of this service\n" == refused.stderr
