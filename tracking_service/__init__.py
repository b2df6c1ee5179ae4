"""Issues unique parcel tracking numbers from blocks of serials leased from a database."""

__version__ = "1.0.0"
