"""The command `keys`: create, list, rotate and revoke API keys."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from .api_keys import KeyBook, StoredKey, new_key
from .principal import Principal

_SCOPE = re.compile(r"[!#-+\-./-\[\]-~]+")  # RFC 6749, 3.3, without the comma


def add_key_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command `keys` to a program's commands."""
    keys = commands.add_parser("keys", help="create, list, rotate and revoke API keys")
    actions = keys.add_subparsers(dest="action", required=True)
    create = actions.add_parser("create", help="make a key and print it, this once")
    create.add_argument("name", type=_name, help="who will use it; what they make belongs to this name")
    create.add_argument("--scopes", type=_scopes, default=frozenset(), help="what they may do, like a:read,a:write")
    create.add_argument("--days", type=_positive, default=90, help="how long it is valid (default: 90)")
    actions.add_parser("list", help="show all keys, without their secrets")
    rotate = actions.add_parser("rotate", help="make a new key like another one, which ends a little later")
    rotate.add_argument("id", help="the id of the key to replace")
    rotate.add_argument("--hours", type=_positive, default=24, help="how long the old key stays valid (default: 24)")
    revoke = actions.add_parser("revoke", help="end a key now")
    revoke.add_argument("id", help="the id of the key")


async def run_key_command(options: argparse.Namespace, book: KeyBook, pepper: bytes) -> None:
    """Do what the command line says. Raises SystemExit with a sentence when there is no such key."""
    now = datetime.now(UTC)
    if options.action == "create":
        await _create(Principal(options.name, options.scopes), now + timedelta(days=options.days), book, pepper)
    elif options.action == "list":
        _show(await book.all(), now)
    else:
        old = next((key for key in await book.all() if key.id == options.id), None)
        if old is None or old.expired(now):
            raise SystemExit(f"There is no valid key {options.id}: `keys list` shows them all.")
        if options.action == "rotate":
            expires_at = now + (old.expires_at - old.created_at) if old.expires_at else None
            await _create(old.principal, expires_at, book, pepper)
            now += timedelta(hours=options.hours)
        await book.expire(old.id, now if old.expires_at is None else min(now, old.expires_at))


async def _create(principal: Principal, expires_at: datetime | None, book: KeyBook, pepper: bytes) -> None:
    key, stored = new_key(principal, expires_at, pepper)
    await book.add(stored)
    end = f"until {expires_at:%Y-%m-%d %H:%M} UTC" if expires_at else "for ever"
    sys.stderr.write(f"The key {stored.id} of {principal.id} is valid {end}. It is not shown again:\n")
    sys.stdout.write(f"{key}\n")


def _show(keys: Sequence[StoredKey], now: datetime) -> None:
    for key in keys:
        state = "ended" if key.expired(now) else "valid"
        until = f"{key.expires_at:%Y-%m-%d %H:%M}" if key.expires_at else "for ever"
        used = f"{key.last_used_at:%Y-%m-%d %H:%M}" if key.last_used_at else "-"
        scopes = ",".join(sorted(key.principal.scopes))
        sys.stdout.write(f"{key.id}  {state}  until {until:16}  used {used:16}  {key.principal.id}  {scopes}\n")


def _name(text: str) -> str:
    if not re.fullmatch(r"[\w.@:+-]{1,200}", text, re.ASCII):
        raise argparse.ArgumentTypeError("a name has 1 to 200 letters, digits and the characters . _ @ : + -")
    return text


def _scopes(text: str) -> frozenset[str]:
    scopes = frozenset(filter(None, text.split(",")))
    if not all(_SCOPE.fullmatch(scope) for scope in scopes):
        raise argparse.ArgumentTypeError("scopes are separated by commas and have no spaces or quotes")
    return scopes


def _positive(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) <= 36_500:
        raise argparse.ArgumentTypeError("this has to be a whole number from 1 to 36500")
    return int(text)
