"""Keeps series and blocks in SQLite or PostgreSQL, through SQLAlchemy."""
