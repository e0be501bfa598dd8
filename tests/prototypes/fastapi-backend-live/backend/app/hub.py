import asyncio


class Hub:
    """Hands messages to everyone who listens."""

    def __init__(self):
        self.listeners: set[asyncio.Queue] = set()

    def publish(self, message: str) -> int:
        for queue in self.listeners:
            queue.put_nowait(message)
        return len(self.listeners)


hub = Hub()
