import fastapi

from recipes.scaling import scale
from recipes.store import RECIPES

server = fastapi.FastAPI()


@server.get("/recipes")
async def all_recipes():
    return sorted(RECIPES)


@server.get("/recipes/{name}")
async def one_recipe(name: str, servings: int = fastapi.Query(default=2, gt=0, le=100)):
    if name not in RECIPES:
        raise fastapi.HTTPException(status_code=404)
    return scale(RECIPES[name], servings)


@server.put("/recipes/{name}")
async def put_recipe(name: str, ingredients: dict[str, float]):
    created = name not in RECIPES
    RECIPES[name] = ingredients
    return fastapi.responses.JSONResponse(ingredients, status_code=201 if created else 200)
