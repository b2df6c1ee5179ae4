"""API keys, their tokens, and the keyring that an instance holds. Standard library only."""

from tracking_service.auth.keyring import Keyring, KeySource
from tracking_service.auth.keys import TOKEN_PREFIX, Key, Scope, digest_of, new_token

__all__ = [
    "TOKEN_PREFIX",
    "Key",
    "KeySource",
    "Keyring",
    "Scope",
    "digest_of",
    "new_token",
]
