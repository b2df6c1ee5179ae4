"""The key of a number space: random bytes, made once and never changed."""

import hashlib

KEY_BYTES = 32
"""AES-256."""


def key_fingerprint(key: bytes) -> str:
    """16 hexadecimal digits that tell one key from another, and nothing of it."""
    return hashlib.sha256(key).hexdigest()[:16]
