"""Puts the hardening layer beside a prototype that exists already, without changing a file of it."""

from __future__ import annotations

from .command import overlay

__all__ = ["overlay"]
