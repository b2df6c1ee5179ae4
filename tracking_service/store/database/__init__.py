"""The database: its URL, connections, transactions, time limits and errors."""

from tracking_service.store.database.bulkhead import Bulkhead
from tracking_service.store.database.database import Database, Use
from tracking_service.store.database.urls import database_url

__all__ = ["Bulkhead", "Database", "Use", "database_url"]
