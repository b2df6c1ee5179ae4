"""Waitress with a drain: at a signal it answers what has come, then ends."""

from tracking_service.serving.listening import is_loopback
from tracking_service.serving.server import serve

__all__ = ["is_loopback", "serve"]
