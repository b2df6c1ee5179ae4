"""`flask serve`: the service on waitress, from start to a clean end."""

import logging
import threading
import time
from collections.abc import Callable

import click
from flask import current_app

from tracking_service import __version__
from tracking_service.cli.context import check_state_folder, with_services
from tracking_service.cli.options import HELP_NAMES, setting_option
from tracking_service.container import Services
from tracking_service.errors import StoreUnavailableError
from tracking_service.services.readiness import assess_readiness
from tracking_service.serving import is_loopback
from tracking_service.serving import serve as serve_until_signal
from tracking_service.store.database import shown
from tracking_service.store.schema import check_schema

log = logging.getLogger(__name__)

FIRST_LEASE_SECONDS = 1.0
"""How long to wait for the first block before listening, so that no request waits for it."""


@click.command(context_settings=HELP_NAMES)
@setting_option("host")
@setting_option("port")
@setting_option("threads")
@with_services
def serve(services: Services, host: str | None, port: int | None, threads: int | None) -> None:
    """Serve tracking numbers over HTTP, with waitress.

    SIGTERM and SIGINT finish the requests in flight, hand unspent serials back and exit 0; a
    second one ends at once. While the database is away the server listens, says so at /readyz,
    and begins to issue when the database answers.
    """
    settings, instance = services.settings, services.instance
    threads = settings.threads if threads is None else threads
    services.database.bulkhead.resize(threads)
    instance.limiter.resize(threads)
    away = _why_away(services)
    # Not earlier: it would make the missing folder of an SQLite file that cannot be opened.
    check_state_folder(services.marks.folder)
    if away is not None:
        log.warning("started without the database", extra={"error": services.describe_error(away)})
    listens_at = settings.host if host is None else host
    serve_until_signal(
        current_app._get_current_object(),  # type: ignore[attr-defined]  # the proxy's own way
        host=listens_at,
        port=settings.port if port is None else port,
        threads=threads,
        drain_seconds=settings.drain_seconds,
        behind_proxy=settings.trusted_hops > 0,
        before_listening=lambda stopping: _first_lease(services, stopping),
        on_listening=lambda url, connections: _listening(services, listens_at, url, connections),
        on_draining=instance.stop_being_ready,
    )
    _stop(services)


def _stop(services: Services) -> None:
    """Hand unspent serials back, and log the result."""
    instance = services.instance
    serials = instance.close(services.settings.drain_seconds)
    if serials is None:
        log.warning("stopped; unspent serials are lost", extra={"instance": instance.name})
        return
    services.disconnect()
    if serials:
        log.info(
            "stopped; unspent serials were handed back",
            extra={"instance": instance.name, "serials": serials},
        )
    else:
        log.info("stopped; there were no unspent serials", extra={"instance": instance.name})


def _first_lease(services: Services, stopping: Callable[[], bool]) -> None:
    """Lease, and wait a moment for it. Signals must be handled by now, to hand the block back."""
    services.instance.start()
    if services.keyring is not None:
        services.keyring.start(FIRST_LEASE_SECONDS)
    deadline = time.monotonic() + FIRST_LEASE_SECONDS
    while not assess_readiness(services.instance).ready and time.monotonic() < deadline:
        if stopping() or services.instance.health.failing:
            break
        time.sleep(0.005)


def _import_the_rest() -> None:
    """Import what only some requests use, because a later import may lack a file descriptor.

    A thread of its own does it while the server listens, so that the start does not wait for it.
    """
    import encodings.utf_8_sig  # noqa: F401

    import numpy  # noqa: F401, ICN001


def _listening(services: Services, host: str, url: str, connections: int) -> None:
    threading.Thread(target=_import_the_rest, name="imports").start()
    # Not earlier: a start that fails prints one line, which says why.
    if services.keyring is None and not is_loopback(host):
        log.warning(
            "anyone who reaches this address may request numbers; set TRACKING_AUTH=required to"
            " require API keys",
            extra={"host": host},
        )
    name, database = services.instance.name, shown(services.database.url)
    if services.settings.log_format == "text":
        click.echo(
            f"Listening on {url}, at most {connections} connections (Ctrl-C ends it)\n"
            f"Version {__version__}, instance {name}, database {database}",
            err=True,
        )
    else:
        facts = {"version": __version__, "instance": name, "database": database}
        log.info("listening", extra={"url": url, "connections": connections, **facts})


def _why_away(services: Services) -> StoreUnavailableError | None:
    """Raise if the schema is wrong; return the error if a server is away, for it may come back."""
    try:
        check_schema(services.database)
    except StoreUnavailableError as error:
        if services.database.backend == "sqlite":
            # A file that cannot be opened needs an operator.
            raise
        return error
    return None
