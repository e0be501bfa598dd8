RECIPES: dict[str, dict[str, float]] = {"pancakes": {"flour": 200, "eggs": 2, "milk": 0.4}}
