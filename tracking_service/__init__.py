"""Issues unique parcel tracking numbers from blocks of serials leased from a database."""

__version__ = "0.1.0"
