"""The one place that knows all the others: puts an app together out of its parts."""

from pathlib import Path

from flask import Flask
from flask_migrate import Migrate
from werkzeug.middleware.proxy_fix import ProxyFix

from tracking_service.allocation import Witness
from tracking_service.api import hooks, problems, routes, site
from tracking_service.api.context import EXTENSION, Tracking
from tracking_service.api.instance_state import instance_state
from tracking_service.api.middleware.fast_path import HotPath
from tracking_service.api.middleware.metrics import Watch
from tracking_service.api.status import LatestLeases
from tracking_service.auth import Keyring
from tracking_service.cli import register_commands
from tracking_service.cli.context import CLI_EXTENSION, Backstage
from tracking_service.installation import MIGRATIONS, instance_path
from tracking_service.instance.number_spaces import Spaces
from tracking_service.services.issue import Issuer
from tracking_service.services.issue_batch import Batches
from tracking_service.services.verify import Verifier
from tracking_service.settings import Settings
from tracking_service.store.api_keys import SqlKeys
from tracking_service.store.batches import BatchStore
from tracking_service.store.blocks import SqlBlockStore
from tracking_service.store.database.bulkhead import TURNS, Turns
from tracking_service.store.database.engine import db, engine_options, lease_engine, prepare
from tracking_service.store.database.urls import database_url
from tracking_service.store.lookup import BlockLookup
from tracking_service.store.series import Catalogue
from tracking_service.telemetry.logs import configure_logging
from tracking_service.telemetry.metrics import Metrics

BODY_BYTES_MOST = 65_536
"""A request for a batch is some 600 bytes; anything much larger is none."""


def create_app(settings: Settings | None = None) -> Flask:
    """Make the app; connect to nothing, lease nothing. Raises SettingsError.

    Without `settings`, those of the environment hold. The order is fixed: settings, database,
    the issuing core, then what shows it to the world.
    """
    settings = settings or Settings.from_environment()
    configure_logging(settings.log_format)
    app = Flask(
        __package__, instance_path=instance_path(settings.instance_path), static_folder=None
    )

    url = database_url(settings.database_url)
    app.config["MAX_CONTENT_LENGTH"] = BODY_BYTES_MOST
    app.config["SQLALCHEMY_DATABASE_URI"] = url
    app.config["SQLALCHEMY_ENGINE_OPTIONS"] = engine_options(url, settings)
    db.init_app(app)
    Migrate(app, db, directory=str(MIGRATIONS))
    with app.app_context():
        engine = db.engine
    prepare(engine, settings)
    leases = lease_engine(engine, settings)
    # Requests take turns, so that a database that hangs cannot hold every thread of the server;
    # the instance's own threads, which lease and read keys, need none.
    turns = Turns(settings.threads)
    of_requests = engine.execution_options(**{TURNS: turns})

    def after_fork() -> None:
        # The sockets are the parent's: they are left open, and only forgotten.
        engine.dispose(close=False)
        leases.dispose(close=False)
        turns.forget()
        metrics.forget()

    def dispose() -> None:
        if keyring is not None:
            keyring.close()
        engine.dispose()
        leases.dispose()

    def store_for(instance: str) -> SqlBlockStore:
        return SqlBlockStore(leases, instance=instance)

    state_dir = _state_dir(settings, engine.url.database, app.instance_path)
    metrics = Metrics(state_dir / "metrics")
    witness = Witness(state_dir)
    catalogue = Catalogue(engine)
    blocks = BlockLookup(of_requests)
    issuer = Issuer(
        store_for,
        catalogue,
        witness,
        reserve_seconds=settings.reserve_seconds,
        wait_seconds=settings.wait_seconds,
        waiting_requests=settings.waiting_requests,
        observer=metrics,
        after_fork=after_fork,
        spaces=Spaces(Catalogue(of_requests)),
    )
    metrics.watch(lambda: instance_state(issuer))
    batches = Batches(issuer, BatchStore(of_requests), keep_seconds=settings.batch_keep_seconds)
    keys = SqlKeys(engine)
    keyring = Keyring(keys) if settings.auth == "required" else None
    verifier = Verifier(issuer.spaces, blocks, issuer.has_spent)
    app.extensions[EXTENSION] = Tracking(
        issuer, batches, verifier, metrics, LatestLeases(blocks), keyring is not None
    )
    app.extensions[CLI_EXTENSION] = Backstage(
        settings,
        engine,
        catalogue,
        blocks,
        store_for,
        issuer,
        verifier,
        witness,
        dispose,
        keys,
        keyring,
        turns,
    )

    app.register_blueprint(routes.blueprint)
    app.register_blueprint(site.blueprint)
    hooks.register(app, keyring)
    problems.register(app)
    register_commands(app)
    app.wsgi_app = Watch(  # type: ignore[method-assign]
        HotPath(app.wsgi_app, issuer, keyring), metrics, access_log=settings.access_log
    )
    if hops := settings.trusted_hops:
        app.wsgi_app = ProxyFix(  # type: ignore[method-assign]
            app.wsgi_app, x_for=hops, x_proto=hops, x_host=0
        )
    return app


def _state_dir(settings: Settings, database: str | None, instance_path: str) -> Path:
    if settings.state_dir:
        return Path(settings.state_dir)
    if settings.database_url.startswith("sqlite") and database:
        return Path(database).resolve().parent
    return Path(instance_path)
