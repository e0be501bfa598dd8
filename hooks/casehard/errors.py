"""The error that a user can put right."""

from __future__ import annotations


class UserError(Exception):
    """What went wrong and what to do about it, in one sentence that is shown to the user as it is."""
