"""What a folder with a prototype contains, found by reading its files: nothing is imported and nothing runs."""

from __future__ import annotations

from .model import Application, Evidence, Prototype
from .reader import read

__all__ = ["Application", "Evidence", "Prototype", "read"]
