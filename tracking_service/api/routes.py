"""The routes. Each rule takes its path with and without a trailing slash and never redirects.

Errors are raised and become responses in `hooks.py`. A HEAD answers as GET does and spends
nothing; OPTIONS and 405 are Flask's.
"""

from collections.abc import Callable
from http import HTTPStatus
from typing import Any, TypeVar

from flask import Blueprint, Response, request
from marshmallow import ValidationError
from werkzeug.exceptions import NotAcceptable, UnsupportedMediaType

from tracking_service.api.auth import CALLER, own_idempotency_key
from tracking_service.api.barcodes import BARCODE_KEEP_SECONDS, barcode_svg
from tracking_service.api.batches import RENDERINGS, read_request, render
from tracking_service.api.hooks import respond
from tracking_service.api.idempotency import KEY_HEADER
from tracking_service.api.middleware.fast_path import PATH, check_query
from tracking_service.api.responses import JSON_HEADERS, json_response
from tracking_service.api.status import not_ready_problem, ready_body
from tracking_service.api.validation import collect_errors
from tracking_service.clock import format_utc
from tracking_service.container import current_services
from tracking_service.services.readiness import assess_readiness

blueprint = Blueprint("api", __name__)

View = TypeVar("View", bound=Callable[..., Response])


class EncodedBody(UnsupportedMediaType):
    """A body in a content coding, such as gzip. None is undone, so none can grow in memory.

    https://www.rfc-editor.org/rfc/rfc9110#section-15.5.16
    """

    description = "A body is read as it is: send it without a Content-Encoding."

    def get_headers(self, *args: Any, **kwargs: Any) -> list[tuple[str, str]]:
        """Say what is read instead (section 12.5.3)."""
        return [*super().get_headers(*args, **kwargs), ("Accept-Encoding", "identity")]


def get(routes: Blueprint, path: str) -> Callable[[View], View]:
    """Register a view for GET, and so for HEAD and OPTIONS, of a path with and without a slash."""

    def register(view: View) -> View:
        # Two exact rules rather than one that is lax about slashes, which knows no 405 without
        # its slash. Unless told not to, Werkzeug redirects a path with two slashes, in HTML.
        for rule in (path, f"{path}/"):
            routes.add_url_rule(rule, view_func=view, methods=["GET"], merge_slashes=False)
        return view

    return register


@get(blueprint, PATH)
def next_tracking_number() -> Response:
    """Say what a GET would, and spend nothing: a HEAD. The GET itself is the fast path's."""
    services, caller = current_services(), request.environ.get(CALLER)
    query, key = request.environ.get("QUERY_STRING", ""), request.headers.get(KEY_HEADER)
    check_query(query, key, services.batches, services.issuer, caller)
    response = Response(headers=dict(JSON_HEADERS))
    # RFC 9110, 8.6: no length rather than one that GET's answer would not have. How long a number
    # is shows only once it is issued.
    response.automatically_set_content_length = False
    return response


def issue_batch() -> Response:
    """Issue up to 100,000 numbers for one shipment, as the JSON body describes."""
    if not request.is_json:
        raise UnsupportedMediaType("A batch is asked for with a body of application/json.")
    if request.headers.get("Content-Encoding", "identity").lower() not in ("", "identity"):
        raise EncodedBody
    media_type = request.accept_mimetypes.best_match(RENDERINGS)
    if media_type is None and request.accept_mimetypes:
        raise NotAcceptable(f"A batch can be had as {', '.join(RENDERINGS)}.")
    media_type = media_type or "application/json"
    services, caller = current_services(), request.environ.get(CALLER)
    try:
        asked = read_request(request.get_data(cache=False), request.headers.get(KEY_HEADER))
    except ValidationError as found:
        raise collect_errors(found, services.issuer, caller) from None
    shipment = asked.shipment
    if caller is not None:
        caller.check_series(shipment.series)
    batch = services.batches.issue(
        shipment.shipment,
        asked.count,
        shipment.series,
        key=None if asked.key is None else own_idempotency_key(asked.key, caller),
        fingerprint=asked.fingerprint,
    )
    response = Response(render(batch, media_type, shipment.offset), HTTPStatus.CREATED)
    response.headers.update({"Content-Type": media_type, "Cache-Control": "no-store"})
    return response


for _rule in ("/api/tracking-numbers", "/api/tracking-numbers/"):
    blueprint.add_url_rule(_rule, view_func=issue_batch, methods=["POST"], merge_slashes=False)


@get(blueprint, "/api/tracking-numbers/<number>")
def verify_tracking_number(number: str) -> Response:
    """Say what is known of a tracking number, in any of the ways that people type it."""
    services = current_services()
    verified = services.verifier.verify(number)
    if (caller := request.environ.get(CALLER)) is not None and caller.series is not None:
        # Through a series that it is for, a key gets numbers of the series that follow it.
        caller.check_any(
            (verified.series, *services.instance.number_spaces.predecessors(verified.series))
        )
    return json_response(
        {
            "tracking_number": verified.tracking_number,
            "series": verified.series,
            "origin_country_id": verified.origin_country_id,
            "destination_country_id": verified.destination_country_id,
            "status": verified.status,
            "leased_at": format_utc(verified.leased_at),
        }
    )


@get(blueprint, "/api/tracking-numbers/<number>/barcode.svg")
def draw_barcode(number: str) -> Response:
    """Draw the barcode of a number whose check character is right, issued or not."""
    svg = barcode_svg(current_services().verifier.read(number))
    response = Response(svg, content_type="image/svg+xml")
    # Not `public`: where keys are needed, no shared cache may keep it.
    response.headers["Cache-Control"] = f"max-age={BARCODE_KEEP_SECONDS}"
    return response


@get(blueprint, "/healthz")
def healthz() -> Response:
    """Alive: the process answers. Says nothing of the database."""
    return json_response({"status": "ok"})


@get(blueprint, "/readyz")
def readyz() -> Response:
    """Ready: the instance can issue numbers now. Starts it, so that it leases its first block.

    Asks no database, and waits for none.
    """
    instance = current_services().instance
    if not instance.leaving:
        instance.start()
    readiness = assess_readiness(instance)
    if not readiness.ready:
        return respond(not_ready_problem(readiness))
    return json_response(ready_body(readiness))


@get(blueprint, "/metrics")
def metrics() -> Response:
    """What Prometheus reads."""
    body, content_type = current_services().metrics.render(request.headers.get("Accept"))
    headers = {"Cache-Control": "no-store", "Vary": "Accept"}
    return Response(body, headers=headers, content_type=content_type)
