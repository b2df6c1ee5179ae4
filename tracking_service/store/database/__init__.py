"""The database: its URL, connections, transactions, time limits and errors."""

from tracking_service.store.database.bulkhead import Bulkhead
from tracking_service.store.database.database import TIMELINE_QUERY, Database, Dialect, Use
from tracking_service.store.database.urls import database_url, shown

__all__ = ["TIMELINE_QUERY", "Bulkhead", "Database", "Dialect", "Use", "database_url", "shown"]
