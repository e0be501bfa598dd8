"""Lets `python -m casehard` do what `casehard` does."""

import sys

from .cli import main

sys.exit(main())
