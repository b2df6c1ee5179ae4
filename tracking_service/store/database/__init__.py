"""The database: engine and URL, transactions, time limits, errors."""
