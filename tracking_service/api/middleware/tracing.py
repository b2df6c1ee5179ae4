"""A span of OpenTelemetry for each request, of the fast path and of Flask alike.

Imported only where TRACKING_TRACES is on. Flask's own instrumentation would miss the fast path, which
comes before Flask; that for WSGI lies around both. It writes path and query into a span, and they
hold numbers and customers' names: so it is shown neither, and the span is named by its route.

https://opentelemetry-python-contrib.readthedocs.io/en/latest/instrumentation/wsgi/wsgi.html
"""

from collections.abc import Iterable
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from opentelemetry import trace
from opentelemetry.instrumentation.wsgi import OpenTelemetryMiddleware

from tracking_service.api.middleware.metrics import ROUTE, TRACEPARENT

_WHOLE = "tracking.environ"
"""Key of what it is shown, for the request's whole environment."""

_KEPT_BACK = ("PATH_INFO", "QUERY_STRING", "RAW_URI", "REQUEST_URI", "HTTP_REFERER")


def traced(application: WSGIApplication) -> WSGIApplication:
    """Put a span around each request to `application`, by the tracer provider that is set up."""

    def within(shown: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        environ: WSGIEnvironment = shown[_WHOLE]
        context = trace.get_current_span().get_span_context()
        if context.is_valid:
            # So that the log has this trace's id, also where the trace begins here.
            environ[TRACEPARENT] = (
                f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"
            )
        return application(environ, start_response)

    middleware: WSGIApplication = OpenTelemetryMiddleware(within, response_hook=_name)

    def traced_application(
        environ: WSGIEnvironment, start_response: StartResponse
    ) -> Iterable[bytes]:
        shown = {name: value for name, value in environ.items() if name not in _KEPT_BACK}
        return middleware({**shown, "PATH_INFO": "", _WHOLE: environ}, start_response)

    return traced_application


def _name(
    span: trace.Span, shown: WSGIEnvironment, _status: str, _headers: list[tuple[str, str]]
) -> None:
    """Name a span by its method and route; one of no route keeps its method alone."""
    route = shown[_WHOLE].get(ROUTE)
    if route is not None:
        span.update_name(f"{shown['REQUEST_METHOD']} {route}")
        span.set_attribute("http.route", route)
