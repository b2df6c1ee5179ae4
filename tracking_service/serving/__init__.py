"""Waitress with a drain: after a signal it answers the requests that have arrived, then ends."""

from tracking_service.serving.listening import is_loopback
from tracking_service.serving.server import serve

__all__ = ["is_loopback", "serve"]
