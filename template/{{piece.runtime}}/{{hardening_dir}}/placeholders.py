"""Tell a real secret from one that somebody meant to replace."""

from __future__ import annotations

import re
from urllib.parse import unquote, urlsplit

_TO_REPLACE = re.compile(r"(change|replace)[-_ ]?(me|this|it)|placeholder", re.IGNORECASE)
_STAND_IN = re.compile(
    r"example|your[-_ ]|dummy|sample|todo|fixme|<.*>|\$\{.*\}|\{\{.*\}\}|x{3}|\*+|\.+$", re.IGNORECASE
)
_DEFAULTS = frozenset(
    {"123456", "12345678", "abc123", "admin", "default", "dev", "development", "guest", "insecure", "letmein", "none"}
    | {"null", "passw0rd", "password", "postgres", "qwerty", "redis", "root", "secret", "secret-key", "secret_key"}
    | {"secretkey", "super-secret", "supersecret", "test", "testing", "user"}
)


def is_placeholder(secret: str) -> bool:
    """Return whether a secret is empty, a default that everybody knows, or a stand-in such as `change-me`.

    Of a URL only the password counts; a URL without one is no placeholder, because access may be granted otherwise.
    """
    if "://" in secret:
        password = urlsplit(secret).password
        return password is not None and is_placeholder(unquote(password))
    value = secret.strip()
    if not value or value.lower() in _DEFAULTS or len(set(value)) == 1:
        return True
    return bool(_STAND_IN.match(value) or _TO_REPLACE.search(value))
