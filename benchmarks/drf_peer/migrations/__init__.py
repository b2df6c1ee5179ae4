"""The peer's schema."""
