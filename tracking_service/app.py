"""Makes the app: builds every part and puts them together."""

from functools import partial
from pathlib import Path
from wsgiref.types import WSGIApplication

from flask import Flask
from werkzeug.middleware.proxy_fix import ProxyFix

from tracking_service.allocation import HighWaterMarks
from tracking_service.api import hooks, routes, site
from tracking_service.api.middleware.fast_path import FastPath
from tracking_service.api.middleware.metrics import MetricsMiddleware
from tracking_service.auth import Keyring
from tracking_service.cli import register_commands
from tracking_service.container import Services
from tracking_service.errors import SettingsError
from tracking_service.installation import instance_path
from tracking_service.instance.instance import Instance
from tracking_service.instance.number_spaces import NumberSpaces
from tracking_service.instance.process import instance_name
from tracking_service.services.aged_read import AgedRead
from tracking_service.services.fleet import FRESH_SECONDS, Fleet, FleetWatch
from tracking_service.services.issue import Issuer
from tracking_service.services.issue_batch import Batches
from tracking_service.services.series_list import SeriesList, offered_in_memory
from tracking_service.services.verify import Verifier
from tracking_service.settings import Settings
from tracking_service.store.api_keys import ApiKeyStore
from tracking_service.store.batches import BatchStore
from tracking_service.store.blocks import BlockReader, BlockStore
from tracking_service.store.database import Bulkhead, Database, Use, database_url
from tracking_service.store.fleet import FleetReader
from tracking_service.store.series import SeriesStore
from tracking_service.telemetry.counters import Counters
from tracking_service.telemetry.history import History
from tracking_service.telemetry.logs import configure_logging
from tracking_service.telemetry.metrics import Metrics
from tracking_service.wait_limiter import WaitLimiter

LEASES_SHOWN = 12
LEASES_FRESH_SECONDS = 1.0
"""An instance asks for the last leases no more often than this."""

BODY_BYTES_MOST = 65_536
"""The largest request body, in bytes, as `serving/options.py` has it; one for a batch has some 600."""


def create_app(settings: Settings | None = None) -> Flask:
    """Make the app; connect to nothing, lease nothing. Raises SettingsError.

    Without `settings`, it reads the environment. The order is: settings, database, the issuing
    core, then HTTP and the commands.
    """
    settings = settings or Settings.from_environment()
    configure_logging(settings.log_format)
    app = Flask(
        __package__, instance_path=instance_path(settings.instance_path), static_folder=None
    )

    app.config["MAX_CONTENT_LENGTH"] = BODY_BYTES_MOST
    database = Database(
        database_url(settings.database_url, folder=Path(app.instance_path)),
        timeout_seconds=settings.database_timeout_seconds,
        bulkhead=Bulkhead(settings.threads),
    )

    state_dir = _state_dir(settings, database.url.database, app.instance_path)
    history = History()
    counters = Counters(state_dir / "metrics")
    metrics = Metrics(counters, history)
    marks = HighWaterMarks(state_dir)
    # Requests read series through the bulkhead; the leasing thread and commands do not.
    series, request_series = SeriesStore(database), SeriesStore(database, Use.REQUEST)
    blocks = BlockReader(database)
    limiter = WaitLimiter(places=settings.waiting_requests, threads=settings.threads)
    api_keys = ApiKeyStore(database)
    keyring = Keyring(api_keys, limiter=limiter) if settings.auth == "required" else None
    instance = Instance(
        partial(BlockStore, database),
        series,
        marks,
        number_spaces=NumberSpaces(request_series),
        limiter=limiter,
        reserve_seconds=settings.reserve_seconds,
        wait_seconds=settings.wait_seconds,
        observer=metrics,
        parts=[counters, history, *([keyring] if keyring else [])],
        new_name=partial(instance_name, settings.instance_name),
    )
    metrics.watch(instance.state)
    issuer = Issuer(instance)
    batches = Batches(issuer, BatchStore(database), keep_seconds=settings.batch_keep_seconds)
    fleet = FleetReader(database)
    watch = FleetWatch(
        fleet.read,
        fleet.first_leases,
        own=partial(_spent, instance),
        reserve_seconds=settings.reserve_seconds,
    )
    services = Services(
        settings=settings,
        database=database,
        series=series,
        blocks=blocks,
        api_keys=api_keys,
        keyring=keyring,
        marks=marks,
        metrics=metrics,
        instance=instance,
        issuer=issuer,
        batches=batches,
        verifier=Verifier(instance.number_spaces, blocks.holding, instance.has_spent),
        series_list=SeriesList(request_series.offered, partial(offered_in_memory, instance)),
        latest_leases=AgedRead(
            partial(blocks.latest, limit=LEASES_SHOWN), (), fresh_seconds=LEASES_FRESH_SECONDS
        ),
        fleet=AgedRead(watch.read, Fleet(), fresh_seconds=FRESH_SECONDS),
        history=history,
    )
    services.attach(app)

    app.register_blueprint(routes.blueprint)
    app.register_blueprint(site.blueprint)
    hooks.register(app, keyring)
    register_commands(app)
    app.wsgi_app = MetricsMiddleware(  # type: ignore[method-assign]
        FastPath(app.wsgi_app, issuer, batches, keyring), counters, access_log=settings.access_log
    )
    if settings.traces:
        app.wsgi_app = _traced(app.wsgi_app)  # type: ignore[method-assign, assignment]
    if hops := settings.trusted_hops:
        app.wsgi_app = ProxyFix(  # type: ignore[method-assign]
            app.wsgi_app,
            x_for=hops,
            x_proto=hops,
            x_host=0,
            # Set, not added to, by the proxy that takes it off the path: the last one says it.
            x_prefix=1,
        )
    return app


def _spent(instance: Instance) -> tuple[str, dict[str, int]]:
    return instance.name, {each.series: each.issued for each in instance.state().series}


def _traced(application: WSGIApplication) -> WSGIApplication:
    try:
        from tracking_service.api.middleware.tracing import traced
    except ImportError as error:
        raise SettingsError(
            f"TRACKING_TRACES needs OpenTelemetry ({error}): install the extra `otel`,"
            " such as by `pip install '.[otel]'` in a checkout"
        ) from error
    return traced(application)


def _state_dir(settings: Settings, database: str | None, instance_path: str) -> Path:
    if settings.state_dir:
        return Path(settings.state_dir)
    if settings.database_url.startswith("sqlite") and database:
        return Path(database).resolve().parent
    return Path(instance_path)
