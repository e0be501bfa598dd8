import asyncio
import json

from django.http import Http404, HttpResponse, JsonResponse, StreamingHttpResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt

votes = {"tea": 0, "coffee": 0}


def home(request):
    return HttpResponse("<h1>Polls</h1>")


def results(request):
    return JsonResponse(votes)


@csrf_exempt
async def vote(request):
    if request.method != "POST":
        return HttpResponse(status=405, headers={"Allow": "POST"})
    choice = json.loads(request.body)["choice"]
    if choice not in votes:
        raise Http404("no such choice")
    votes[choice] += 1
    return JsonResponse({"choice": choice, "votes": votes[choice]}, status=201)


async def export(request):
    async def rows():
        for name in sorted(votes):
            await asyncio.sleep(0)
            yield f"{name},{votes[name]}\n"

    return StreamingHttpResponse(rows(), content_type="text/csv")


urlpatterns = [
    path("", home),
    path("results", results),
    path("vote", vote),
    path("export.csv", export),
]
