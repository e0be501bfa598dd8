"""Stop in the order that loses no request: not ready, no new ones, then finish those in flight."""

from __future__ import annotations


class Drain:
    """Whether this process is about to stop. Readiness answers 503 from then on, so that load balancers turn away."""

    def __init__(self) -> None:
        self.started = False

    def start(self) -> None:
        """Begin; there is no way back."""
        self.started = True


drain = Drain()
