"""The routes of pages, assets, the OpenAPI document, /api/status and the lists that pages show.

Files are read at the first request for them; issuing a number needs none.
"""

import re

from flask import Blueprint, Response, abort, request
from marshmallow import ValidationError

from tracking_service.api import assets
from tracking_service.api.auth import CALLER
from tracking_service.api.fleet import fleet_body, history_body
from tracking_service.api.query import TWICE
from tracking_service.api.responses import json_response
from tracking_service.api.routes import get
from tracking_service.api.status import status_body
from tracking_service.clock import wall_time
from tracking_service.container import current_services
from tracking_service.countries import COUNTRIES
from tracking_service.errors import InvalidPatternError, InvalidSeriesError
from tracking_service.numbering import parse
from tracking_service.numbering.alphabets import ALPHABETS
from tracking_service.numbering.builtin import check_makeable
from tracking_service.numbering.preview import preview, preview_facts
from tracking_service.services.series_list import ListedSeries

blueprint = Blueprint("site", __name__)

PATTERN_LENGTH = 100
"""The greatest length of a pattern that is parsed, in characters; every one that a series can have is
shorter."""

# A prefix goes into pages, and a proxy may pass on what a caller has sent: nothing to escape, and
# no `//`, which would begin the name of another host.
_is_prefix = re.compile(r"(?:/[A-Za-z0-9._~-]+)+").fullmatch


@blueprint.get("/")
def home() -> Response:
    """The page for those who need numbers."""
    return _page("index.html", assets.POLICY)


@get(blueprint, "/fleet")
def fleet() -> Response:
    """The page for those who run the service."""
    return _page("fleet.html", assets.POLICY)


@get(blueprint, "/docs")
def docs() -> Response:
    """The OpenAPI document as a page, on which requests can be tried."""
    return _page("docs.html", assets.DOCS_POLICY)


@blueprint.get("/assets/<version>/<name>")
def asset(version: str, name: str) -> Response:
    """A file of a page. Under another version the answer is the present file, not to be cached."""
    if name not in assets.names():
        abort(404)
    response = Response(assets.asset(name), headers=assets.HEADERS)
    response.headers["Content-Type"] = assets.content_type(name)
    kept = version == assets.version()
    response.headers["Cache-Control"] = assets.KEEP if kept else assets.ASK_AGAIN
    return response


@get(blueprint, "/openapi.json")
def openapi() -> Response:
    """The OpenAPI document."""
    body = assets.openapi_document(keys=_keys_needed(), root=_root())
    return _revalidated(Response(body, content_type="application/json"))


@get(blueprint, "/api/status")
def status() -> Response:
    """The serials that this instance holds, and the fleet's last leases."""
    services = current_services()
    return json_response(status_body(services.instance, services.latest_leases))


@get(blueprint, "/api/series")
def series_list() -> Response:
    """The series that the caller may choose from. Leases nothing, and answers from memory while
    the database is away.
    """
    services, caller = current_services(), request.environ.get(CALLER)
    only = None if caller is None else caller.series
    listed, complete = services.series_list.read(services.instance.health.database, only)
    return json_response({"series": [_listed(each) for each in listed], "complete": complete})


@get(blueprint, "/api/status/history")
def history() -> Response:
    """What this instance held in the last hour, and how fast it issued."""
    return json_response(history_body(current_services().history))


@get(blueprint, "/api/fleet")
def fleet_status() -> Response:
    """All series and instances, as the database knows them."""
    services = current_services()
    return json_response(fleet_body(services.instance, services.fleet))


@get(blueprint, "/api/series-preview")
def series_preview() -> Response:
    """What numbers of a pattern look like, and how many there are. Asks no database."""
    given = request.args
    faults = {
        name: [TWICE] for name in ("pattern", "alphabet", "check") if len(given.getlist(name)) > 1
    }
    if "pattern" not in given:
        faults["pattern"] = ["is required"]
    elif len(given["pattern"]) > PATTERN_LENGTH:
        faults["pattern"] = [f"must have at most {PATTERN_LENGTH} characters"]
    if faults:
        raise ValidationError(faults)
    alphabet = given.get("alphabet", "crockford")
    try:
        pattern = parse(given["pattern"], alphabet, given.get("check"))
    except InvalidPatternError as error:
        raise ValidationError({"pattern": [str(error)]}) from None
    except InvalidSeriesError as error:
        name = "check" if alphabet in ALPHABETS else "alphabet"
        raise ValidationError({name: [str(error)]}) from None
    try:
        check_makeable(pattern, COUNTRIES)
    except InvalidSeriesError as error:
        raise ValidationError({"pattern": [str(error)]}) from None
    return json_response({**pattern.options, **preview_facts(preview(pattern, wall_time()))})


def _listed(series: ListedSeries) -> dict[str, str | int | None]:
    return {
        "name": series.name,
        **series.pattern.options,
        "example": series.example(),
        "length": series.pattern.width,
        "successor": series.successor,
    }


def _page(name: str, policy: str) -> Response:
    html = assets.page(name, keys=_keys_needed(), root=_root())
    response = Response(html, headers=assets.HEADERS, content_type="text/html; charset=utf-8")
    response.headers["Content-Security-Policy"] = policy
    return _revalidated(response)


def _keys_needed() -> bool:
    return current_services().keyring is not None


def _root() -> str:
    """The path below which callers reach the service: SCRIPT_NAME, "" for none."""
    root = request.root_path.rstrip("/")
    return root if _is_prefix(root) else ""


def _revalidated(response: Response) -> Response:
    """Let caches keep a response and revalidate it each time."""
    response.headers["Cache-Control"] = assets.ASK_AGAIN
    response.add_etag()
    response.make_conditional(request)
    return response
