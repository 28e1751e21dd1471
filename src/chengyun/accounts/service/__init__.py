"""What the accounts room does, for its own routes and for the rooms above."""

from chengyun.accounts.service.access import authenticate, is_current

__all__ = ["authenticate", "is_current"]
