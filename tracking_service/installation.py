"""Whether this is a checkout or an installed package, and where its files are."""

import sys
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent
_CHECKOUT = _PACKAGE.parent
_IN_CHECKOUT = (_CHECKOUT / "migrations" / "env.py").is_file()

MIGRATIONS = (_CHECKOUT if _IN_CHECKOUT else _PACKAGE) / "migrations"
"""The folder of the migrations; setup.py puts it into the package."""


def instance_path(chosen: str) -> str | None:
    """Return the absolute instance folder: `chosen`, or the default if that is empty.

    The default is `instance/` in a checkout. None leaves it to Flask, which takes
    `var/tracking_service-instance` of the environment that the package is installed in
    (https://flask.palletsprojects.com/en/stable/config/#instance-folders).
    """
    if chosen:
        return str(Path(chosen).absolute())
    return str(_CHECKOUT / "instance") if _IN_CHECKOUT else None


def program() -> str:
    """Return the command that messages name: the one that was typed, if it is known.

    Otherwise `flask` in a checkout, and `tracking-service` in an installed package.
    """
    typed = Path(sys.argv[0])
    if typed.parts[-2:] == (_PACKAGE.name, "__main__.py"):
        return f"python -m {_PACKAGE.name}"
    if typed.name == "tracking-service" or not _IN_CHECKOUT:
        return "tracking-service"
    return "flask"
