"""What a prototype is, is found by reading it."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

import pytest
from casehard.errors import UserError
from casehard.prototype import Prototype, read
from conftest import ROOT

FASTAPI = "from fastapi import FastAPI\napp = FastAPI()\n"
FLASK = "from flask import Flask\napp = Flask(__name__)\n"
FLASK_FACTORY = "from flask import Flask\n\ndef create_app(config=None):\n    app = Flask(__name__)\n    return app\n"
NESTED = "def make():\n    from fastapi import FastAPI\n    return FastAPI()\n"


def found_in(folder: Path, files: dict[str, str], entry_point: str | None = None) -> Prototype:
    """Write files and read the folder."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return read(folder, entry_point)


@pytest.mark.parametrize(
    ("files", "framework", "import_root", "entry_point"),
    [
        pytest.param({"main.py": FASTAPI}, "fastapi", ".", "main:app", id="flat"),
        pytest.param({"app.py": FLASK}, "flask", ".", "app:app", id="flask-flat"),
        pytest.param(
            {"main.py": "import fastapi as f\napi: f.FastAPI = (\n    f.FastAPI(\n        title='x',\n    )\n)\n"},
            "fastapi",
            ".",
            "main:api",
            id="annotated",
        ),
        pytest.param(
            {"main.py": "from fastapi import FastAPI as Web\n(service) = Web()\n"},
            "fastapi",
            ".",
            "main:service",
            id="renamed",
        ),
        pytest.param(
            {"main.py": "a = b = __import__('x')\nfrom flask import Flask\nx = web = Flask('x')\n"},
            "flask",
            ".",
            "main:web",
            id="chained",
        ),
        pytest.param(
            {"main.py": "try:\n    from fastapi import FastAPI\nfinally:\n    x = 1\nif x:\n    app = FastAPI()\n"},
            "fastapi",
            ".",
            "main:app",
            id="guarded",
        ),
        pytest.param(
            {"main.py": "from fastapi import FastAPI\nclass Api(FastAPI):\n    pass\napp = Api()\n"},
            "fastapi",
            ".",
            "main:app",
            id="subclass",
        ),
        pytest.param({"app/__init__.py": "", "app/main.py": FASTAPI}, "fastapi", ".", "app.main:app", id="package"),
        pytest.param({"app/main.py": FASTAPI, "app/db.py": ""}, "fastapi", ".", "app.main:app", id="namespace-package"),
        pytest.param(
            {"app/main.py": f"from db import x\n{FASTAPI}", "app/db.py": "x = 1"},
            "fastapi",
            "app",
            "main:app",
            id="folder-that-is-no-package",
        ),
        pytest.param(
            {"backend/app/main.py": f"from app.db import x\n{FASTAPI}", "backend/app/db.py": "x = 1"},
            "fastapi",
            "backend",
            "app.main:app",
            id="backend-package",
        ),
        pytest.param(
            {"backend/main.py": f"from routers import items\n{FASTAPI}", "backend/routers/items.py": ""},
            "fastapi",
            "backend",
            "main:app",
            id="backend-flat",
        ),
        pytest.param(
            {"src/shop/__init__.py": "", "src/shop/web.py": f"from .db import x\n{FASTAPI}", "src/shop/db.py": "x = 1"},
            "fastapi",
            "src",
            "shop.web:app",
            id="src",
        ),
        pytest.param({"shop/__init__.py": FLASK_FACTORY}, "flask", ".", "shop:create_app()", id="factory"),
        pytest.param(
            {"shop/__init__.py": FLASK_FACTORY, "wsgi.py": "from shop import create_app\napp = create_app()\n"},
            "flask",
            ".",
            "wsgi:app",
            id="factory-and-object",
        ),
        pytest.param(
            {
                "shop/__init__.py": "from .web import create_app\n",
                "shop/web.py": FLASK_FACTORY,
                "run.py": "import shop\nsite = shop.create_app()\n",
            },
            "flask",
            ".",
            "run:site",
            id="re-exported-factory",
        ),
        pytest.param({"main.py": NESTED}, "fastapi", ".", "main:make()", id="import-inside"),
        pytest.param(
            {"main.py": "from fastapi import FastAPI\ndef make(x) -> FastAPI:\n    return FastAPI()\napp = make({})\n"},
            "fastapi",
            ".",
            "main:app",
            id="factory-with-argument",
        ),
        pytest.param(
            {"main.py": 'def build() -> "FastAPI":\n    return assemble()\nfrom fastapi import FastAPI\n'},
            "fastapi",
            ".",
            "main:build()",
            id="factory-by-annotation",
        ),
        pytest.param(
            {"main.py": f"{FASTAPI}admin = FastAPI()\napp.mount('/admin', admin)\n"},
            "fastapi",
            ".",
            "main:app",
            id="mounted",
        ),
        pytest.param(
            {"main.py": f"from api import v2\n{FASTAPI}app.mount('/v2', v2)\n", "api.py": FASTAPI.replace("app", "v2")},
            "fastapi",
            ".",
            "main:app",
            id="mounted-from-elsewhere",
        ),
        pytest.param(
            {"main.py": f"{FASTAPI}import socketio\nsio = socketio.AsyncServer()\nlive = socketio.ASGIApp(sio, app)\n"},
            "asgi",
            ".",
            "main:live",
            id="wrapped",
        ),
        pytest.param(
            {
                "main.py": FASTAPI,
                "tests/main.py": FASTAPI,
                "test_main.py": FASTAPI,
                "venv/pyvenv.cfg": "",
                "venv/x.py": FASTAPI,
            },
            "fastapi",
            ".",
            "main:app",
            id="tests-and-environments",
        ),
        pytest.param(
            {"main.py": FASTAPI, "scripts/debug_server.py": FASTAPI}, "fastapi", ".", "main:app", id="usual-name"
        ),
        pytest.param(
            {"main.py": f'{FASTAPI}if __name__ == "__main__":\n    debug = FastAPI()\n'},
            "fastapi",
            ".",
            "main:app",
            id="only-when-run",
        ),
        pytest.param(
            {"main.py": "async def app(scope, receive, send):\n    pass\n"}, "asgi", ".", "main:app", id="asgi"
        ),
        pytest.param(
            {"main.py": "def application(environ, start_response):\n    return []\n"},
            "wsgi",
            ".",
            "main:application",
            id="wsgi",
        ),
        pytest.param(
            {"main.py": "from starlette.applications import Starlette\napp = Starlette()\n"},
            "asgi",
            ".",
            "main:app",
            id="starlette",
        ),
        pytest.param(
            {"main.py": FASTAPI, "old.py": "print 'x'\n"}, "fastapi", ".", "main:app", id="broken-file-beside"
        ),
        pytest.param(
            {
                "a/main.py": FASTAPI,
                "b/main.py": FASTAPI,
                "pyproject.toml": '[tool.fastapi]\nentrypoint = "b.main:app"\n',
            },
            "fastapi",
            ".",
            "b.main:app",
            id="declared-for-fastapi",
        ),
        pytest.param(
            {
                "one.py": FASTAPI,
                "two.py": FASTAPI,
                "Procfile": "web: gunicorn -k uvicorn.workers.UvicornWorker two:app\n",
            },
            "fastapi",
            ".",
            "two:app",
            id="declared-in-procfile",
        ),
        pytest.param(
            {"one.py": FLASK_FACTORY, "two.py": FLASK, "Procfile": 'web: gunicorn "one:create_app()"\n'},
            "flask",
            ".",
            "one:create_app()",
            id="declared-factory",
        ),
        pytest.param(
            {"one.py": FASTAPI, "two.py": FASTAPI, "Dockerfile": 'CMD ["uvicorn", \\\n  "two:app"]\n'},
            "fastapi",
            ".",
            "two:app",
            id="declared-in-dockerfile",
        ),
        pytest.param(
            {"one.py": FASTAPI, "two.py": FASTAPI, "Dockerfile": 'CMD ["fastapi", "run", "two.py"]\n'},
            "fastapi",
            ".",
            "two:app",
            id="fastapi-run",
        ),
        pytest.param(
            {"one.py": FASTAPI, "x/two.py": FASTAPI, "x/Dockerfile": "CMD uvicorn two:app --port $PORT\n"},
            "fastapi",
            "x",
            "two:app",
            id="dockerfile-in-folder",
        ),
        pytest.param(
            {
                "one.py": FASTAPI,
                "two.py": f'{FASTAPI}import uvicorn\nif __name__ == "__main__":\n    uvicorn.run("two:app")\n',
            },
            "fastapi",
            ".",
            "two:app",
            id="uvicorn-run",
        ),
        pytest.param(
            {
                "main.py": "from fastapi import FastAPI\nfrom engine import build\nweb = build()\n",
                "engine.py": "def build(): ...\n",
                "Procfile": "web: uvicorn main:web\n",
            },
            "fastapi",
            ".",
            "main:web",
            id="declared-of-unknown-making",
        ),
        pytest.param(
            {"main.py": FASTAPI, "Procfile": "web: uvicorn gone:app\n"},
            "fastapi",
            ".",
            "main:app",
            id="declared-but-absent",
        ),
    ],
)
def test_the_application_is_found(
    files: dict[str, str], framework: str, import_root: str, entry_point: str, tmp_path: Path
) -> None:
    prototype = found_in(tmp_path, files)
    best = prototype.applications[0]
    assert (best.framework, str(best.import_root), best.entry_point) == (framework, import_root, entry_point)
    assert prototype.equals == 1
    assert (tmp_path / best.evidence.path).read_text().splitlines()[best.evidence.line - 1]


@pytest.mark.parametrize(
    "files",
    [
        pytest.param({"main.py": FASTAPI, "app.py": FASTAPI}, id="side-by-side"),
        pytest.param({"users/main.py": FASTAPI, "orders/main.py": FASTAPI}, id="two-services"),
        pytest.param(
            {
                "a/x.py": FASTAPI,
                "b/x.py": FASTAPI,
                "a/Dockerfile": "CMD uvicorn x:app",
                "b/Dockerfile": "CMD uvicorn x:app",
            },
            id="two-images",
        ),
    ],
)
def test_equal_candidates_are_all_reported(files: dict[str, str], tmp_path: Path) -> None:
    assert found_in(tmp_path, files).equals == 2


@pytest.mark.parametrize(
    "files",
    [
        pytest.param({}, id="empty"),
        pytest.param({"main.py": "print('hello')\n"}, id="no-framework"),
        pytest.param({"main.py": "app = FastAPI()\n"}, id="not-imported"),
        pytest.param(
            {"main.py": "from fastapi import FastAPI\n\ndef make(config):\n    return FastAPI()\n"},
            id="factory-with-argument",
        ),
        pytest.param({"tests/main.py": FASTAPI}, id="only-tests"),
        pytest.param({"main.py": f"{FASTAPI})\n"}, id="broken"),
    ],
)
def test_no_application_is_made_up(files: dict[str, str], tmp_path: Path) -> None:
    assert found_in(tmp_path, files).applications == ()


def test_an_entry_point_can_be_named(tmp_path: Path) -> None:
    files = {"src/one.py": FASTAPI, "src/two.py": f"from one import app as web\n{FASTAPI}"}
    for name in ("one:app", "two:app", "two:web"):
        (found,) = found_in(tmp_path, files, name).applications
        assert (found.entry_point, found.import_root) == (name, PurePosixPath("src"))
    assert read(tmp_path, "three:app").applications == ()


def test_services_of_one_name_are_told_apart_by_their_import_root(tmp_path: Path) -> None:
    variables = {name: f'import os\nos.environ["{name.upper()}"]\n{FASTAPI}' for name in ("users", "orders")}
    assert found_in(tmp_path, {f"{name}/x.py": code for name, code in variables.items()}, "x:app").equals == 2
    for name in variables:
        prototype = read(tmp_path, "x:app", name)
        assert (prototype.equals, str(prototype.applications[0].import_root)) == (1, name)
        assert [one.text for one in prototype.required_variables] == [name.upper()]
        assert [str(one.path) for one in read(tmp_path, import_root=name).applications] == [f"{name}/x.py"]


def test_a_broken_file_is_reported(tmp_path: Path) -> None:
    (problem,) = found_in(tmp_path, {"main.py": FASTAPI, "old.py": "x = 1\nprint 'x'\n"}).problems
    assert (str(problem.path), problem.line) == ("old.py", 2)


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        pytest.param({"requirements.txt": ""}, "requirements.txt", id="requirements"),
        pytest.param({"requirements/prod.txt": ""}, "requirements/prod.txt", id="requirements-folder"),
        pytest.param(
            {"requirements.txt": "", "pyproject.toml": "[tool.ruff]\nline-length = 79\n"},
            "requirements.txt",
            id="settings-only",
        ),
        pytest.param(
            {"requirements.txt": "", "pyproject.toml": '[project]\nname = "x"\ndependencies = []\n'},
            "pyproject.toml",
            id="project",
        ),
        pytest.param(
            {"uv.lock": "", "pyproject.toml": '[project]\nname = "x"\ndependencies = []\n'}, "uv.lock", id="uv"
        ),
        pytest.param({"poetry.lock": "", "pyproject.toml": '[tool.poetry]\nname = "x"\n'}, "poetry.lock", id="poetry"),
        pytest.param({}, "None", id="nothing"),
    ],
)
def test_the_declaration_of_dependencies_is_found(files: dict[str, str], expected: str, tmp_path: Path) -> None:
    prototype = found_in(tmp_path, {"main.py": FASTAPI, **files})
    assert str(prototype.dependencies(PurePosixPath())) == expected


def test_a_backend_may_declare_its_own_dependencies(tmp_path: Path) -> None:
    prototype = found_in(tmp_path, {"backend/main.py": FASTAPI, "backend/requirements.txt": ""})
    assert prototype.dependencies(PurePosixPath("backend")) == PurePosixPath("backend/requirements.txt")


@pytest.mark.parametrize(
    ("code", "names"),
    [
        ('import os\na = os.environ["B"] + os.environ["A"]\n', ["A", "B"]),
        ('from os import environ\nx = environ["A"]\n', ["A"]),
        ('import os\nx = os.environ.get("A", "")\ny = os.getenv("B")\n', []),
        ('import os\nos.environ.setdefault("A", "1")\nx = os.environ["A"]\n', []),
        ('import os\nos.environ["A"] = "1"\nx = os.environ["A"]\n', []),
        ('import os\nif "A" in os.environ:\n    x = os.environ["A"]\n', []),
        ('import os\ntry:\n    x = os.environ["A"]\nexcept KeyError:\n    x = ""\n', []),
        ('import os\nname = "A"\nx = os.environ[name]\ny = os.environ["not a name"]\n', []),
    ],
)
def test_variables_without_default_are_required(code: str, names: list[str], tmp_path: Path) -> None:
    files = {
        "main.py": f"from settings import x\n{FASTAPI}",
        "settings.py": code,
        "tool.py": 'import os\nos.environ["TOOL"]\n',
    }
    assert [one.text for one in found_in(tmp_path, files).required_variables] == names


@pytest.mark.parametrize(
    ("pyproject", "expected"),
    [
        ("", (None, None, None, None)),
        (
            '[project]\nname = "My_Shop.API"\ndescription = "a  \\"b\\"\\n\\\\c"\nrequires-python = ">=3.12"\n',
            ("my-shop-api", "a 'b' 'c", "3.12", None),
        ),
        ('[project]\nname = "x"\nrequires-python = ">=3.9,<3.13"\n', ("x", None, "3.11", "3.12")),
        (
            '[tool.poetry]\nname = "--42-box"\n[tool.poetry.dependencies]\npython = "^3.12.1"\n',
            ("box", None, "3.12", None),
        ),
        ('[tool.poetry]\nname = "x"\n[tool.poetry.dependencies]\npython = "~3.11"\n', ("x", None, "3.11", "3.11")),
        (
            f'[project]\nname = "x"\ndescription = "{"long " * 50}"\nrequires-python = "nonsense"\n',
            ("x", f"{'long ' * 23}lo...", None, None),
        ),
    ],
)
def test_the_project_describes_itself(pyproject: str, expected: tuple[str | None, ...], tmp_path: Path) -> None:
    prototype = found_in(tmp_path, {"main.py": FASTAPI, "pyproject.toml": pyproject})
    found = (prototype.name, prototype.description, prototype.minimum_python, prototype.image_python)
    assert found == expected


@pytest.mark.parametrize(
    ("files", "image"),
    [
        ({".python-version": "3.12.4\n"}, "3.12"),
        ({"Dockerfile": "FROM docker.io/library/python:3.11-slim AS base\n"}, "3.11"),
        ({".python-version": "3.9\n"}, None),
    ],
)
def test_the_image_keeps_the_prototypes_python(files: dict[str, str], image: str | None, tmp_path: Path) -> None:
    assert found_in(tmp_path, {"main.py": FASTAPI, **files}).image_python == image


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b'[project\nname = "x"\n', "pyproject.toml is not valid TOML: .*line 1"),
        (b"[project]\n# caf\xe9\n", "pyproject.toml, line 2, is not UTF-8 text"),
        (b"[tool.poetry.dependencies]\nflask = '^3'\n", "there is no poetry.lock: run `poetry lock`"),
    ],
)
def test_a_pyproject_that_can_not_be_used_is_named(content: bytes, sentence: str, tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_bytes(content)
    with pytest.raises(UserError, match=sentence):
        read(tmp_path)


def test_nothing_of_the_prototype_runs(tmp_path: Path) -> None:
    found_in(
        tmp_path, {"main.py": f"open('{tmp_path}/ran', 'w')\n{FASTAPI}", "setup.py": f"open('{tmp_path}/ran', 'w')\n"}
    )
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("source", sorted((ROOT / "tests" / "prototypes").iterdir()), ids=lambda source: source.name)
def test_the_prototypes_of_the_overlay_tests_are_read(source: Path) -> None:
    prototype = read(source)
    assert prototype.equals == 1
    assert prototype.dependencies(prototype.applications[0].import_root)
