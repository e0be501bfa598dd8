"""Take secrets and personal data out of what is logged.

Redaction is a net under careful logging, not a licence: what must not be logged should not be passed to a logger.
Values are replaced by their field's name (passwords, tokens, …), or by their shape (keys, tokens, e-mail addresses,
card numbers).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from itertools import islice
from typing import Any

REDACTED = "[redacted]"
_MAX_TEXT = 16_384  # characters of one value
_MAX_ITEMS = 200  # entries of one collection
_MAX_DEPTH = 6
_CARD_NUMBERS = 10**12  # a number from here on may be a card's

_SECRET_NAME = re.compile(
    r"(^|[_\-.])(pass(word|wd|phrase)?|pwd|secret|token|(api|access|private)[_\-]?key|authorization|cookie|"
    r"session[_\-]?id|credential|ssn|iban|cvv|card[_\-]?number|dsn)s?($|[_\-.])|(password|secret|token|apikey)$",
    re.IGNORECASE,
)
_SHAPES = tuple(
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        (r"-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(-----END [A-Z ]*PRIVATE KEY-----|\Z)", REDACTED),
        (r"\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*", REDACTED),  # JSON Web Token
        (r"(?i)\b(bearer|basic)\s+[\w.~+/-]{8,}=*", rf"\1 {REDACTED}"),
        (r"\b(?:sk|rk|pk)[-_](?:ant[-_]|proj[-_]|live[-_]|test[-_])?[\w-]{16,}", REDACTED),  # OpenAI, Anthropic, Stripe
        (r"\b(ak_[0-9a-f]{12})_[0-9a-f]{16,}", rf"\1_{REDACTED}"),  # a key of this service: its id may be told
        (r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b", REDACTED),  # AWS access key id
        (r"\b(?:gh[pousr]_\w{20,}|github_pat_\w{20,}|glpat-[\w-]{16,}|xox[abprs]-[\w-]{10,}|AIza[\w-]{30,})", REDACTED),
        (r"(?i)(\b[a-z][a-z0-9+.-]*://[^\s:/@]*):[^\s@/]+@", rf"\1:{REDACTED}@"),  # password in a URL
        (
            r"(?i)\b((?:[\w-]*[_-])?(?:password|passwd|pwd|secret|token|(?:api|access)[_-]?key)['\"]?\s*[=:]\s*['\"]?)"
            r"[^\s'\",;&}]+",
            rf"\1{REDACTED}",
        ),
        (r"\b[\w.+-]+@[\w-]+(?:\.[\w-]+)+\b", "[e-mail]"),
    )
)
_CARD = re.compile(r"(?<![\d.])\d(?:[ -]?\d){12,18}(?![\d.])")


def redact_text(text: str) -> str:
    """Return a text without what looks like a secret or personal data; a very long text is cut."""
    if len(text) > _MAX_TEXT:
        text = f"{text[:_MAX_TEXT]}… ({len(text)} characters)"
    for shape, replacement in _SHAPES:
        text = shape.sub(replacement, text)
    return _CARD.sub(_card, text)


def redact(value: Any, name: str = "", depth: int = 0) -> Any:
    """Return a copy of a value for the log: secrets replaced, collections bounded in size and depth."""
    if value is None or isinstance(value, bool | float):
        return value
    if isinstance(value, int):
        return value if abs(value) < _CARD_NUMBERS else redact_text(str(value))
    if name and _SECRET_NAME.search(name):
        return REDACTED
    if isinstance(value, Mapping | list | tuple | set | frozenset):
        return _redact_collection(value, depth + 1) if depth < _MAX_DEPTH else "[too deep]"
    if isinstance(value, bytes | bytearray):
        return f"[{len(value)} bytes]"
    return redact_text(str(value))


def _redact_collection(value: Mapping[Any, Any] | Collection[Any], depth: int) -> Any:
    if isinstance(value, Mapping):
        items = islice(value.items(), _MAX_ITEMS)
        return {redact_text(str(key)): redact(item, str(key), depth) for key, item in items}
    return [redact(item, "", depth) for item in islice(value, _MAX_ITEMS)]


def _card(match: re.Match[str]) -> str:
    digits = [int(character) for character in match.group() if character.isdigit()]
    doubled = [sum(divmod(digit * 2, 10)) for digit in digits[-2::-2]]  # Luhn, ISO/IEC 7812-1
    return "[card number]" if (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0 else match.group()
