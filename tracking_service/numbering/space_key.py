"""The key of a number space: random bytes, made once and never changed."""

import hashlib

KEY_BYTES = 32
"""AES-256."""


def key_fingerprint(key: bytes) -> str:
    """16 hexadecimal digits that tell one key from another, and nothing of it."""
    return hashlib.sha256(key).hexdigest()[:16]


def checked_key(key: bytes) -> bytes:
    """The key, if it is a space's; else ValueError, which does not show it."""
    if len(key) != KEY_BYTES:
        raise ValueError(f"the key of a number space is {KEY_BYTES} bytes, not {len(key)}")
    return key
