"""Which passwords are accepted: long, not the user name, not common, not a pattern. No rules about kinds of letters (NIST SP 800-63B)."""

import secrets
import string
from importlib import resources
from itertools import pairwise

import chengyun.accounts.errors  # noqa: F401  (registers the sentences)
from chengyun.kernel.errors import Problem
from chengyun.kernel.settings import get_settings

LONGEST = 128
_DATA = resources.files("chengyun.accounts") / "data" / "common_passwords.txt"
# Bare words on which common passwords are built; digits and signs around them are cut off before comparing.
_COMMON = frozenset(_DATA.read_text().split())
_ROWS = ("0123456789", "abcdefghijklmnopqrstuvwxyz", "qwertyuiop", "asdfghjkl", "zxcvbnm", "1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik9ol0p")
_ALPHABET = "".join(c for c in string.ascii_letters + string.digits if c not in "0O1lI")


def check(password: str, username: str, field: str = "password") -> None:
    """Refuse a password that is short, built on the user name, common, or a pattern."""
    shortest = get_settings().password_min_length
    if len(password) < shortest:
        raise Problem("password.short", field=field, limit=shortest)
    if len(password) > LONGEST:
        raise Problem("password.long", field=field, limit=LONGEST)
    plain = password.casefold()
    bare = username.casefold()
    if len(bare) >= 3 and (bare in plain or bare[::-1] in plain):
        raise Problem("password.username", field=field)
    if _is_common(plain):
        raise Problem("password.common", field=field)
    if _is_simple(plain):
        raise Problem("password.simple", field=field)


def _is_common(plain: str) -> bool:
    core = plain.strip(string.digits + string.punctuation + string.whitespace)
    spelled = core.translate(str.maketrans("0134578@$!", "oieastbasi"))
    return bool({core, spelled, plain} & _COMMON)


def _is_simple(plain: str) -> bool:
    """One piece said over and over, or walks along the alphabet and the keyboard."""
    for size in range(1, len(plain) // 2 + 1):
        if (plain[:size] * (len(plain) // size + 1))[: len(plain)] == plain:
            return True
    if len(set(plain)) < 5:
        return True
    return _walked(plain) >= len(plain) - 3


def _walked(plain: str) -> int:
    """How many letters follow their neighbour on a row of the keyboard or in the alphabet, onwards or back."""
    pairs = {a + b for row in _ROWS for way in (row, row[::-1]) for a, b in pairwise(way)}
    return sum(1 for a, b in pairwise(plain) if a + b in pairs or a == b)


def make() -> str:
    """A password that cannot be guessed and can be read out: four groups of five letters and digits, 115 bits."""
    return "-".join("".join(secrets.choice(_ALPHABET) for _ in range(5)) for _ in range(4))
