"""The arrows of the architecture hold, and the test that says so can fail."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.support.arrows import PACKAGE, violations
from tests.support.commands import ROOT


def tree(folder: Path, module: str, source: str) -> Path:
    """A made-up package with this one module besides those that it may name."""
    for name in [
        "errors",
        "settings",
        "app",
        "services/issue",
        "numbering/format",
        "allocation/block",
    ]:
        path = folder / PACKAGE / f"{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    for package in [
        "",
        "numbering",
        "allocation",
        "services",
        "store",
        "api",
        "cli",
        "telemetry",
        "client",
    ]:
        path = folder / PACKAGE / package / "__init__.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    (folder / PACKAGE / module).write_text(source)
    return folder


def test_no_import_goes_against_an_arrow() -> None:
    assert [] == violations(ROOT)


def test_the_package_is_looked_at() -> None:
    assert (ROOT / PACKAGE / "errors.py").is_file()


@pytest.mark.parametrize(
    "module, source",
    [
        ("errors.py", "import tracking_service.settings"),
        ("errors.py", "import flask"),
        ("settings.py", "from tracking_service import store"),
        ("settings.py", "import marshmallow"),
        ("numbering/format.py", "from tracking_service.allocation.block import Block"),
        ("numbering/format.py", "from ..allocation import block"),
        ("numbering/format.py", "from tracking_service import allocation"),
        ("numbering/format.py", "import sqlalchemy.orm"),
        ("allocation/block.py", "from tracking_service.numbering.format import Shipment"),
        ("allocation/block.py", "from flask import g"),
        ("allocation/block.py", "import cryptography"),
        ("allocation/__init__.py", "from ..settings import Settings"),
        ("store/lease.py", "from tracking_service.services.issue import Issuer"),
        ("store/lease.py", "def lease():\n    from tracking_service import api"),
        ("services/issue.py", "import werkzeug.exceptions"),
        ("services/issue.py", "from marshmallow import Schema"),
        ("services/issue.py", "from sqlalchemy.exc import OperationalError"),
        ("services/issue.py", "import sqlite3"),
        ("services/issue.py", "from tracking_service.api import blueprint"),
        ("telemetry/metrics.py", "from tracking_service.allocation.block import Block"),
        ("api/routes.py", "from tracking_service.app import create_app"),
        ("api/routes.py", "from tracking_service.cli import commands"),
        ("cli/serve.py", "from tracking_service import app"),
        ("cli/serve.py", "import wsgi"),
        ("__init__.py", "from tracking_service.app import create_app"),
        ("__init__.py", "import flask"),
        ("store/lease.py", "if TYPE_CHECKING:\n    from ..app import create_app"),
        ("client/buffer.py", "from tracking_service.errors import TrackingServiceError"),
        ("client/buffer.py", "import httpcore2"),
        ("api/routes.py", "from tracking_service.client import Client"),
        ("helpers.py", ""),
    ],
)
def test_an_import_against_an_arrow_is_caught(tmp_path: Path, module: str, source: str) -> None:
    found = violations(tree(tmp_path, module, source))

    name = f"{PACKAGE}/{module}".removesuffix(".py").removesuffix("/__init__").replace("/", ".")

    assert 1 == len(found)
    assert found[0].startswith(name)


@pytest.mark.parametrize(
    "module, source",
    [
        ("numbering/ff1.py", "from cryptography.hazmat.primitives import ciphers\nimport math"),
        ("numbering/pattern.py", "from .format import Format\nfrom ..errors import NumberError"),
        ("allocation/reserve.py", "from tracking_service.allocation.block import Block"),
        ("store/lease.py", "from sqlalchemy import select\nfrom tracking_service import numbering"),
        ("services/issue.py", "from tracking_service.telemetry import metrics"),
        ("api/routes.py", "import flask\nfrom tracking_service.services.issue import Issuer"),
        ("cli/serve.py", "import click\nfrom tracking_service import __version__"),
        ("client/buffer.py", "import httpx2\nfrom tracking_service import __version__"),
        ("app.py", "from tracking_service import api, cli, services, settings, store"),
    ],
)
def test_an_import_along_an_arrow_is_let_through(tmp_path: Path, module: str, source: str) -> None:
    assert [] == violations(tree(tmp_path, module, source))


# The wall clock, by the names that Python has for it.
WALL_CLOCK = re.compile(
    r"\btime\.time\(|\btime\.time\b|from time import (.*, )?time\b"
    r"|datetime\.(now|utcnow|today)\(|date\.today\("
)


def test_only_one_module_reads_the_wall_clock() -> None:
    found = {
        path.name
        for path in (ROOT / PACKAGE).rglob("*.py")
        if WALL_CLOCK.search(path.read_text(encoding="utf-8").replace("`time.time()`", ""))
    }

    assert {"clock.py"} == found
