"""The WSGI callable of a checkout: `wsgi:app`. The `flask` command finds it here as well."""

from tracking_service.wsgi import app

__all__ = ["app"]
