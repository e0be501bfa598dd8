"""The API's resources, one package each: models, schemas, routes. Every `routes.router` in here is served under /v1."""
