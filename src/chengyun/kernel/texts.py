"""What texts may hold, the same in all rooms: characters that nobody can see are refused."""

from pydantic import AfterValidator
from pydantic_core import PydanticCustomError


def has_control_characters(text: str) -> bool:
    """Whether a text holds characters that nobody can see: controls, line ends, surrogates."""
    return not text.isprintable() and any(
        ord(c) < 32 or 127 <= ord(c) < 160 or 0xD800 <= ord(c) < 0xE000 or ord(c) in (0x2028, 0x2029) for c in text
    )


def plain(text: str) -> str:
    """A text of one line; refuses control characters."""
    if has_control_characters(text):
        raise PydanticCustomError("control_characters", "contains control characters")
    return text


def paragraphs(text: str) -> str:
    """A text that may have several lines and tabs; refuses other control characters."""
    plain(text.translate(_ALLOWED))
    return text


_ALLOWED = dict.fromkeys(map(ord, "\n\r\t"), " ")

Plain = AfterValidator(plain)
Paragraphs = AfterValidator(paragraphs)
