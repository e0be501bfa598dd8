"""Which application objects and factories the files of a prototype define."""

from __future__ import annotations

import ast
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from .model import Application, Evidence

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .modules import Module, Modules

# What makes an application, and the framework that the template knows it by.
_MAKERS = {
    "fastapi.FastAPI": "fastapi",
    "fastapi.applications.FastAPI": "fastapi",
    "flask.Flask": "flask",
    "flask.app.Flask": "flask",
    "starlette.applications.Starlette": "asgi",
    "django.core.asgi.get_asgi_application": "asgi",
    "django.core.wsgi.get_wsgi_application": "wsgi",
    "asgiref.wsgi.WsgiToAsgi": "asgi",
    "a2wsgi.WSGIMiddleware": "asgi",
    "socketio.ASGIApp": "asgi",
    "werkzeug.middleware.dispatcher.DispatcherMiddleware": "wsgi",
}
_CALLABLES = {("scope", "receive", "send"): "asgi", ("environ", "start_response"): "wsgi"}
_USUAL_FILES = frozenset({"__init__", "api", "app", "application", "asgi", "main", "run", "server", "wsgi"})
_USUAL_NAMES = frozenset({"api", "app", "application", "create_app"})

Function = ast.FunctionDef | ast.AsyncFunctionDef
Key = tuple[PurePosixPath, str]


@dataclass(frozen=True, slots=True)
class _Found:
    """An application or factory in a module; `parts` are names of applications that it contains or was made by."""

    module: Module
    name: str
    framework: str
    factory: bool
    bare: bool
    line: int
    parts: frozenset[Key] = frozenset()


class Applications:
    """The applications that the modules define, and names that lead to them."""

    def __init__(self, modules: Modules) -> None:
        """Look through all modules. A factory comes first, so that what it makes is recognised."""
        self._modules = modules
        self._found: dict[Key, _Found] = {}
        for module in modules:
            for found in self._factories(module):
                self._found[module.path, found.name] = found
        for module in modules:
            for found in self._objects(module):
                self._found[module.path, found.name] = found

    def named(self, module: Module, name: str, *, factory: bool) -> Application | None:
        """Return what a name of a module stands for, also when it was imported there or its maker is unknown.

        A function that makes applications is a factory even when `factory` is false, as servers have it.
        """
        if origin := self._origin(module, name):
            return self._application(replace(origin, module=module, name=name))
        bound = {target for node in _statements(module.tree.body) if (target := _bound_name(node))}
        if name in bound | set(module.imports) and (framework := self._imported_framework(module)):
            return self._application(_Found(module, name, framework, factory=factory, bare=True, line=1))
        return None

    def candidates(self) -> list[tuple[tuple[bool | int, ...], Application]]:
        """Return every application that can be served, with its rank: smaller is likelier."""
        inner = {part for found in self._found.values() for part in found.parts} | set(self._mounted())
        served = [
            found
            for key, found in self._found.items()
            if key not in inner and found.bare and found.module.path.stem.isidentifier()
        ]
        ranked = [(_rank(found, one := self._application(found)), one) for found in served]
        return sorted(ranked, key=lambda item: (item[0], str(item[1].path), item[1].name))

    def _application(self, found: _Found) -> Application:
        text = f"def {found.name}(...)" if found.factory else f"{found.name} = ..."
        evidence = Evidence(found.module.path, found.line, text)
        root = self._modules.import_root(found.module)
        return Application(found.framework, found.module.path, root, found.name, found.factory, evidence)

    def _factories(self, module: Module) -> Iterator[_Found]:
        makers = _local_makers(module)
        for node in _statements(module.tree.body):
            if isinstance(node, ast.FunctionDef) and (framework := _made_by(node, module, makers)):
                yield _Found(module, node.name, framework, factory=True, bare=_bare(node), line=node.lineno)

    def _objects(self, module: Module) -> Iterator[_Found]:
        makers = _local_makers(module)
        for node in _statements(module.tree.body):
            if isinstance(node, Function) and (framework := _CALLABLES.get(_parameters(node))):
                yield _Found(module, node.name, framework, factory=False, bare=True, line=node.lineno)
            elif call := _bound_call(node):
                name, made = call
                if found := self._made(module, name, made, makers):
                    yield replace(found, line=node.lineno)

    def _made(self, module: Module, name: str, call: ast.Call, makers: dict[str, str]) -> _Found | None:
        """Return the application that a call makes, with its class or with a factory."""
        parts = {(module.path, one) for one in _names(call)} - {(module.path, name)}
        framework = makers.get(module.resolve(call.func) or "")
        if framework is None and (factory := self._factory(module, call.func)):
            framework = factory.framework
            parts.add((factory.module.path, factory.name))
        if framework is None:
            return None
        return _Found(module, name, framework, factory=False, bare=True, line=call.lineno, parts=frozenset(parts))

    def _factory(self, module: Module, function: ast.expr) -> _Found | None:
        if isinstance(function, ast.Name):
            found = self._origin(module, function.id)
        elif isinstance(function, ast.Attribute) and isinstance(function.value, ast.Name):
            one = module.imports.get(function.value.id)
            other = one and self._modules.locate(one.dotted, one.level, module)
            found = self._origin(other, function.attr) if other else None
        else:
            found = None
        return found if found and found.factory else None

    def _origin(self, module: Module, name: str, depth: int = 4) -> _Found | None:
        """Follow a name through imports to the application or factory that it stands for."""
        if found := self._found.get((module.path, name)):
            return found
        one = module.imports.get(name)
        if one and one.name and depth:
            other = self._modules.locate(one.module, one.level, module)
            if other and other.path != module.path:
                return self._origin(other, one.name, depth - 1)
        return None

    def _imported_framework(self, module: Module) -> str | None:
        reached = self._modules.reachable(module)
        imported = {one.dotted.split(".")[0] for other in reached for one in other.imports.values()}
        return next((framework for framework in ("fastapi", "flask") if framework in imported), None)

    def _mounted(self) -> Iterator[Key]:
        for module in self._modules:
            for node in ast.walk(module.tree):
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "mount":
                    for name in _names(node):
                        if found := self._origin(module, name):
                            yield found.module.path, found.name


def _rank(found: _Found, application: Application) -> tuple[bool | int, ...]:
    path = found.module.path
    return (
        found.framework in {"asgi", "wsgi"} and not found.parts,
        path.stem not in _USUAL_FILES,
        len(path.relative_to(application.import_root).parts) - (path.stem == "__init__"),
        len(application.import_root.parts),
        found.name not in _USUAL_NAMES,
        found.factory,
        found.framework == "wsgi",  # Django brings both; only ASGI has WebSockets and asynchronous views
    )


def _statements(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Yield the statements that run when a module is imported."""
    for node in body:
        yield node
        match node:
            case ast.If(test=ast.Compare(left=ast.Name(id="__name__"))):
                yield from _statements(node.orelse)
            case ast.If():
                yield from _statements([*node.body, *node.orelse])
            case ast.Try():
                handlers = [inner for handler in node.handlers for inner in handler.body]
                yield from _statements([*node.body, *handlers, *node.orelse, *node.finalbody])
            case ast.With():
                yield from _statements(node.body)


def _binding(node: ast.AST) -> tuple[str, ast.expr] | None:
    match node:
        case ast.Assign(targets=[*_, ast.Name(id=name)], value=value):
            return name, value
        case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value):
            return name, value
    return None


def _bound_name(node: ast.stmt) -> str | None:
    if isinstance(node, Function | ast.ClassDef):
        return node.name
    bound = _binding(node)
    return bound[0] if bound else None


def _bound_call(node: ast.AST) -> tuple[str, ast.Call] | None:
    bound = _binding(node)
    return (bound[0], bound[1]) if bound and isinstance(bound[1], ast.Call) else None


def _local_makers(module: Module) -> dict[str, str]:
    """Return what makes applications in a module: the frameworks' classes, and its own subclasses of them."""
    makers = dict(_MAKERS)
    for node in _statements(module.tree.body):
        if isinstance(node, ast.ClassDef):
            for base in node.bases:
                if framework := makers.get(module.resolve(base) or ""):
                    makers[node.name] = framework
    return makers


def _made_by(function: ast.FunctionDef, module: Module, makers: dict[str, str]) -> str | None:
    """Return the framework of the application that a function returns."""
    annotation = function.returns
    if isinstance(annotation, ast.Constant) and isinstance(annotation.value, str):
        try:
            annotation = ast.parse(annotation.value, mode="eval").body
        except SyntaxError:
            annotation = None
    if annotation and (framework := makers.get(module.resolve(annotation) or "")):
        return framework
    made: dict[str, str] = {}
    for node in ast.walk(function):
        call = _bound_call(node)
        if call and (framework := makers.get(module.resolve(call[1].func) or "")):
            made[call[0]] = framework
    for node in ast.walk(function):
        match node:
            case ast.Return(value=ast.Name(id=name)) if name in made:
                return made[name]
            case ast.Return(value=ast.Call(func=maker)) if framework := makers.get(module.resolve(maker) or ""):
                return framework
    return None


def _bare(function: ast.FunctionDef) -> bool:
    """Tell whether a function can be called without arguments."""
    arguments = function.args
    positional = len(arguments.posonlyargs) + len(arguments.args)
    return positional == len(arguments.defaults) and None not in arguments.kw_defaults


def _parameters(function: Function) -> tuple[str, ...]:
    return tuple(argument.arg for argument in function.args.args)


def _names(call: ast.Call) -> set[str]:
    values = [*call.args, *(keyword.value for keyword in call.keywords)]
    return {node.id for value in values for node in ast.walk(value) if isinstance(node, ast.Name)}
