"""Waitress, told to drain: answers what has come, then ends."""

from tracking_service.serving.server import serve

__all__ = ["serve"]
