links: dict[str, str] = {}
