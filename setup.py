"""Puts `migrations/` into the package, which setup.cfg cannot say; all else is there.

The folder stays at the top, where Flask-Migrate has it. An installed service makes its schema from
it, and in site-packages a `migrations` of its own could be anyone's.
"""

from setuptools import find_packages, setup

setup(
    packages=[
        *find_packages(include=["tracking_service", "tracking_service.*"]),
        "tracking_service.migrations",
        "tracking_service.migrations.versions",
    ],
    package_dir={"tracking_service.migrations": "migrations"},
)
