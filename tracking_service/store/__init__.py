"""Stores series, blocks, batches and API keys in SQLite or PostgreSQL, through SQLAlchemy."""
