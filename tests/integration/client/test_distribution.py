"""The client alone: built from the same tree, small, typed, and without the service.

No index is asked: what it needs is taken from this environment, by its metadata.
"""

from __future__ import annotations

import configparser
import re
import shutil
import subprocess
import sys
import tomllib
import venv
from importlib.metadata import Distribution, distribution, distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from tests.support.commands import ROOT, environment

SOURCE = ROOT / "clients" / "python"
MOST_PACKAGES = 9

USER = """
from datetime import datetime

from tracking_service.client import AsyncClient, BadRequest, Client, Shipment, Unavailable

shipment = Shipment(
    origin_country_id="MY",
    destination_country_id="ID",
    weight="1.234",
    created_at="2024-01-01T12:00:00+08:00",
    customer_id="de619854-b59b-425e-9db4-943979e1bd49",
    customer_name="RedBox Logistics",
    customer_slug="redbox-logistics",
)


def label(client: Client) -> str:
    try:
        issued: datetime = client.next(shipment).created_at
        numbers: tuple[str, ...] = client.batch(shipment, 2).tracking_numbers
        with client.buffered(shipment, size=10) as buffer:
            number: str = buffer.next()
        unused: tuple[str, ...] = buffer.close().unused
    except BadRequest as error:
        messages: tuple[str, ...] = error.errors["weight"]
        return messages[0]
    except Unavailable as error:
        seconds: float | None = error.retry_after
        return str(seconds)
    return f"{issued} {numbers} {number} {unused}"


async def check(client: AsyncClient) -> str:
    return (await client.verify("MYIDBEP6D2FH5S2M")).status
"""


def named(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def needed(found: Distribution, seen: dict[str, Distribution]) -> dict[str, Distribution]:
    """All that a distribution needs here, itself included, by name."""
    seen[named(found.metadata["Name"])] = found
    for text in found.requires or ():
        asked = Requirement(text)
        applies = asked.marker is None or asked.marker.evaluate({"extra": ""})
        if applies and named(asked.name) not in seen:
            needed(distribution(asked.name), seen)
    return seen


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The client's wheel, built from a copy in which the links are files."""
    folder = tmp_path_factory.mktemp("wheel")
    shutil.copytree(SOURCE, folder / "source", ignore=shutil.ignore_patterns("build", "*.egg-info"))
    options = ["--no-deps", "--no-build-isolation", "--no-index", "--quiet"]
    subprocess.run(
        [
            sys.executable,
            "-m",
            "pip",
            "wheel",
            *options,
            "--wheel-dir",
            str(folder),
            str(folder / "source"),
        ],
        check=True,
        timeout=120,
    )
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def alone(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of an environment that has the client, what it needs, and nothing else."""
    folder = tmp_path_factory.mktemp("alone")
    venv.create(folder, with_pip=False, symlinks=True)
    (packages,) = folder.glob("lib/python*/site-packages")
    options = ["--no-deps", "--no-index", "--quiet", "--target", str(packages)]
    subprocess.run(
        [sys.executable, "-m", "pip", "install", *options, str(wheel)], check=True, timeout=120
    )
    (client,) = distributions(path=[str(packages)])
    for found in needed(client, {}).values():
        for file in found.files or () if found is not client else ():
            if ".." not in file.parts and "__pycache__" not in file.parts:
                target = packages / file
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(Path(str(file.locate())), target)
    return folder / "bin" / "python"


def run(python: Path, code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [python, "-I", "-W", "error", "-c", code], capture_output=True, text=True, timeout=60
    )


def test_the_client_alone_is_under_ten_packages(alone: Path) -> None:
    (packages,) = alone.parents[1].glob("lib/python*/site-packages")
    installed = {named(found.metadata["Name"]) for found in distributions(path=[str(packages)])}

    assert {"tracking-service-client", "httpx2"} <= installed
    assert len(installed) <= MOST_PACKAGES, installed


def test_the_client_alone_can_be_imported_and_used(alone: Path) -> None:
    code = """
import sys
from tracking_service.client import Client, Shipment, Unreachable
shipment = Shipment(origin_country_id="MY", destination_country_id="ID", weight="1",
    created_at="2024-01-01T12:00:00Z", customer_id="x", customer_name="x", customer_slug="x")
try:
    with Client("http://127.0.0.1:9", give_up_after=0) as client:
        client.next(shipment)
except Unreachable:
    print(sorted({"flask", "sqlalchemy"} & sys.modules.keys()))
"""
    done = run(alone, code)

    assert ("[]\n", "") == (done.stdout, done.stderr)
    assert "ModuleNotFoundError" in run(alone, "import tracking_service.app").stderr


def test_importing_the_client_beside_the_service_imports_nothing_of_it() -> None:
    code = """
import sys
import tracking_service.client
print(*sorted(name for name in sys.modules if name.startswith("tracking_service.")
    and not name.startswith("tracking_service.client")))
print(*sorted({"flask", "werkzeug", "sqlalchemy", "marshmallow", "numpy"} & sys.modules.keys()))
"""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environment(), capture_output=True, text=True
    )

    assert ("\n\n", "") == (done.stdout, done.stderr)


def test_a_user_gets_types(alone: Path, tmp_path: Path) -> None:
    program = tmp_path / "user.py"
    for source, expected in [(USER, 0), (USER.replace("number: str", "number: int"), 1)]:
        program.write_text(source)
        options = ["--strict", f"--python-executable={alone}", f"--cache-dir={tmp_path / 'cache'}"]
        done = subprocess.run(
            [sys.executable, "-m", "mypy", *options, program],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=110,
        )
        assert expected == done.returncode, done.stdout


def test_both_distributions_need_the_same() -> None:
    parser = configparser.ConfigParser()
    parser.read(ROOT / "setup.cfg")
    extra = {
        Requirement(line) for line in parser["options.extras_require"]["client"].split("\n")[1:]
    }
    project = tomllib.loads((SOURCE / "pyproject.toml").read_text())["project"]

    assert extra == {Requirement(text) for text in project["dependencies"]}
    assert parser["options"]["python_requires"] == project["requires-python"]
