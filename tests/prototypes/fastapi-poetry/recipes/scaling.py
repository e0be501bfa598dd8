def scale(recipe: dict[str, float], servings: int) -> dict[str, float]:
    return {name: round(amount * servings / 2, 2) for name, amount in recipe.items()}
