"""Which module of the package may import which: the import rules of the architecture, as a table.

errors, countries, clock, file_locks, lazy_imports, installation, wait_limiter
    <- settings, numbering, allocation, auth, telemetry <- records
    <- store, serving, instance <- services <- container
    <- api, cli <- app <- wsgi, __main__

client      (stands alone)
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

PACKAGE = "tracking_service"

# What a layer may import of the package, besides itself and the version.
CORE = frozenset(
    {"errors", "settings", "countries", "clock", "numbering", "allocation", "auth", "records"}
)
USE_CASES = frozenset({"telemetry", "store", "instance", "services"})
LAYERS: Mapping[str, frozenset[str]] = {
    "errors": frozenset(),
    "settings": frozenset({"errors"}),
    "countries": frozenset(),
    "clock": frozenset(),
    "file_locks": frozenset(),
    "lazy_imports": frozenset(),
    "installation": frozenset(),
    "wait_limiter": frozenset({"clock"}),
    "numbering": frozenset({"errors", "lazy_imports"}),
    "allocation": frozenset({"errors", "file_locks"}),
    "auth": frozenset({"errors", "clock", "wait_limiter"}),
    "records": frozenset({"numbering", "allocation"}),
    "telemetry": frozenset({"errors", "settings", "clock", "file_locks"}),
    "instance": frozenset(
        {"errors", "clock", "numbering", "allocation", "records", "telemetry", "wait_limiter"}
    ),
    "store": CORE | {"telemetry", "installation"},
    "services": frozenset(
        {"errors", "clock", "numbering", "allocation", "records", "telemetry", "instance", "store"}
    ),
    "serving": frozenset({"errors", "telemetry"}),
    "container": CORE | USE_CASES,
    "api": CORE | USE_CASES | {"container", "lazy_imports"},
    "cli": CORE | USE_CASES | {"container", "installation", "serving"},
    "app": CORE | USE_CASES | {"installation", "container", "api", "cli", "wait_limiter"},
    "wsgi": frozenset({"errors", "app"}),
    "__main__": frozenset({"app", "cli"}),
    # Installed without the service: nothing of it may be imported.
    "client": frozenset(),
}

# The layers that use the standard library alone, but for these packages.
PURE: Mapping[str, frozenset[str]] = {
    "clock": frozenset(),
    "errors": frozenset(),
    "settings": frozenset(),
    "allocation": frozenset(),
    "auth": frozenset(),
    "file_locks": frozenset(),
    "lazy_imports": frozenset(),
    "installation": frozenset(),
    "wait_limiter": frozenset(),
    "records": frozenset(),
    "numbering": frozenset({"cryptography", "numpy"}),
    "instance": frozenset(),
    "countries": frozenset({"pycountry"}),
    "client": frozenset({"anyio", "httpx2"}),
}

WEB = frozenset({"flask", "werkzeug", "marshmallow", "waitress", "flask_sqlalchemy"})
DATABASE = frozenset({"sqlalchemy", "flask_sqlalchemy", "flask_migrate", "alembic", "psycopg"})
# The layers that may use other packages, but not these.
FORBIDDEN: Mapping[str, frozenset[str]] = {
    "services": WEB | DATABASE | {"sqlite3"},
    "serving": DATABASE | WEB - {"waitress"},
    "telemetry": DATABASE,
}


@dataclass(frozen=True, order=True)
class Import:
    """One imported module; `module` and `imported` are dotted names."""

    module: str
    line: int
    imported: str

    def __str__(self) -> str:
        return f"{self.module}:{self.line} imports {self.imported}"


def violations(root: Path) -> list[str]:
    """Every import under `root`/tracking_service that goes against an arrow, in order."""
    modules = {name(path, root): path for path in (root / PACKAGE).rglob("*.py")}
    found = []
    for module, path in sorted(modules.items()):
        layer = layer_of(module)
        if layer is not None and layer not in LAYERS:
            found.append(f"{module} is in no layer: give {layer} its place in the table of arrows")
            continue
        package = module if path.name == "__init__.py" else module.rpartition(".")[0]
        tree = ast.parse(path.read_text(encoding="utf-8"), str(path))
        for one in sorted(imports(tree, module, package, modules)):
            fault = judge(layer, one.imported)
            if fault:
                found.append(f"{one}: {fault}")
    return found


def judge(layer: str | None, imported: str) -> str | None:
    """What is wrong with this layer's import, or None; the layer None is the package itself."""
    first = imported.partition(".")[0]
    if first == "wsgi":
        return "nothing imports wsgi"
    if first == PACKAGE:
        other = layer_of(imported)
        if other is None or other == layer or (layer and other in LAYERS[layer]):
            return None
        return f"{layer or 'the package itself'} may not import {other}"
    if first in sys.stdlib_module_names and first not in FORBIDDEN.get(layer or "", ()):
        return None
    if layer is None or (layer in PURE and first not in PURE[layer]):
        return f"{layer or 'the package itself'} may not use {first}"
    if first in FORBIDDEN.get(layer, ()):
        return f"{layer} may not use {first}"
    return None


def imports(
    tree: ast.Module, module: str, package: str, modules: Mapping[str, Path]
) -> Iterator[Import]:
    """Every import, those inside functions and for type checking too."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(module, node.lineno, alias.name)
        elif isinstance(node, ast.ImportFrom):
            origin = node.module or ""
            if node.level:
                parents = package.split(".")
                above = parents[: len(parents) - node.level + 1]
                origin = ".".join([*above, *([node.module] if node.module else [])])
            for alias in node.names:
                whole = f"{origin}.{alias.name}"
                # `from package import module` imports the module, not a name of the package's.
                yield Import(module, node.lineno, whole if whole in modules else origin)


def layer_of(module: str) -> str | None:
    """The part of the package that a module is in; None for the package itself."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else None


def name(path: Path, root: Path) -> str:
    """The dotted name of the module at `path`."""
    parts = path.relative_to(root).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
