"""The routes of pages, assets, the OpenAPI document and /api/status.

Files are read at the first request for them; issuing a number needs none.
"""

import re

from flask import Blueprint, Response, abort, request

from tracking_service.api import assets
from tracking_service.api.responses import json_response
from tracking_service.api.routes import get
from tracking_service.api.status import status_body
from tracking_service.container import current_services

blueprint = Blueprint("site", __name__)

# A prefix goes into pages, and a proxy may pass on what a caller has sent: nothing to escape, and
# no `//`, which would begin the name of another host.
_is_prefix = re.compile(r"(?:/[A-Za-z0-9._~-]+)+").fullmatch


@blueprint.get("/")
def home() -> Response:
    """The page for people."""
    return _page("index.html", assets.POLICY)


@get(blueprint, "/docs")
def docs() -> Response:
    """The OpenAPI document as a page, on which requests can be tried."""
    return _page("docs.html", assets.DOCS_POLICY)


@blueprint.get("/assets/<version>/<name>")
def asset(version: str, name: str) -> Response:
    """A file of a page. Under another version the answer is the present file, not to be cached."""
    if name not in assets.TYPES:
        abort(404)
    response = Response(assets.asset(name), headers=assets.HEADERS)
    response.headers["Content-Type"] = assets.TYPES[name]
    kept = version == assets.version()
    response.headers["Cache-Control"] = assets.KEEP if kept else assets.ASK_AGAIN
    return response


@get(blueprint, "/openapi.json")
def openapi() -> Response:
    """The OpenAPI document."""
    keys = current_services().keyring is not None
    body = assets.openapi_document(keys=keys, root=_root())
    return _revalidated(Response(body, content_type="application/json"))


@get(blueprint, "/api/status")
def status() -> Response:
    """The serials that this instance holds, and the fleet's last leases."""
    services = current_services()
    return json_response(status_body(services.instance, services.latest_leases))


def _page(name: str, policy: str) -> Response:
    html = assets.page(name, _root())
    response = Response(html, headers=assets.HEADERS, content_type="text/html; charset=utf-8")
    response.headers["Content-Security-Policy"] = policy
    return _revalidated(response)


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
