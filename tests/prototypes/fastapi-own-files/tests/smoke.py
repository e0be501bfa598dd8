from service.web import api

assert api.title == "Links"
