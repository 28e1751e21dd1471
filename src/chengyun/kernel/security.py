"""Passwords, tokens and their digests."""

import hashlib
import hmac
import secrets

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerifyMismatchError

# OWASP's second recommendation for argon2id: 19 MiB, two passes, one lane.
_hasher = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)


def hash_password(password: str) -> str:
    """The argon2id hash to store for a password."""
    return _hasher.hash(password)


def verify_password(stored: str, password: str) -> bool:
    """Whether a password is the one behind a stored hash; an unreadable hash is a no."""
    try:
        return _hasher.verify(stored, password)
    except (VerifyMismatchError, InvalidHashError):
        return False


def new_token(size: int = 32) -> str:
    """A secret that cannot be guessed; `size` bytes in URL-safe letters."""
    return secrets.token_urlsafe(size)


def token_digest(token: str) -> bytes:
    """What is stored of a token. A plain SHA-256 is enough because the token itself is random."""
    return hashlib.sha256(token.encode()).digest()


def same(first: str | bytes, second: str | bytes) -> bool:
    """Compare two secrets in constant time."""
    a = first.encode() if isinstance(first, str) else first
    b = second.encode() if isinstance(second, str) else second
    return hmac.compare_digest(a, b)
