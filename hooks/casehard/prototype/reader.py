"""Reads a prototype's folder."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path, PurePosixPath

from .applications import Applications
from .metadata import declaration_files, description, image_python, load_pyproject, minimum_python, project_name
from .model import Application, Evidence, Prototype
from .modules import Module, Modules
from .servers import Declaration, declarations
from .variables import required_variables

_ROOT = PurePosixPath()


def read(root: Path, entry_point: str | None = None, import_root: str | None = None) -> Prototype:
    """Return what a folder contains; with an entry point or an import root, only applications that fit.

    Raises UserError when a pyproject.toml can't be read.
    """
    pyproject = load_pyproject(root, _ROOT / "pyproject.toml")
    modules = Modules(root)
    known = Applications(modules)
    ranked = known.candidates()
    declared = _declared(declarations(root, pyproject, modules), modules, known)
    best = declared or [one for rank, one in ranked if rank == ranked[0][0]]
    others = [one for _, one in ranked if _identity(one) not in {_identity(other) for other in best}]

    def fitting(applications: list[Application]) -> list[Application]:
        wanted = (entry_point, import_root)
        return [one for one in applications if all(w in {None, f} for w, f in zip(wanted, _identity(one), strict=True))]

    if entry_point is not None:
        best = fitting(best) or fitting(others) or fitting(_named(entry_point, modules, known))
    elif import_root is not None:
        best = fitting(best) or fitting(others)[:1]
    if entry_point is not None or import_root is not None:
        others = []
    folders = list(dict.fromkeys(folder for one in best for folder in (one.import_root, *one.import_root.parents)))
    places = [_ROOT, *(folder for folder in folders if folder != _ROOT)]
    facts = next((found for place in places if (found := load_pyproject(root, place / "pyproject.toml"))), {})
    return Prototype(
        root=root,
        applications=(*best, *others),
        equals=len(best),
        declarations=declaration_files(root, folders or [_ROOT]),
        required_variables=_variables(best[0], modules) if best else (),
        name=project_name(facts),
        description=description(facts),
        minimum_python=minimum_python(facts),
        image_python=image_python(root, best[0].import_root if best else _ROOT, facts),
        problems=tuple(modules.problems),
    )


def _identity(application: Application) -> tuple[str, str]:
    return application.entry_point, str(application.import_root)


def _declared(found: list[Declaration], modules: Modules, known: Applications) -> list[Application]:
    """Return the applications that the most deliberate declarations name, if there are such applications."""
    for rank in sorted({one.rank for one in found}):
        named = [
            one for declaration in found if declaration.rank == rank for one in _served(declaration, modules, known)
        ]
        if named:
            return list({_identity(one): one for one in named}.values())
    return []


def _served(declaration: Declaration, modules: Modules, known: Applications) -> list[Application]:
    beside = declaration.evidence.path.parent
    files = sorted(modules.find(declaration.module), key=lambda module: not module.path.is_relative_to(beside))
    for module in files:
        if declaration.name is None:
            own = [one for _, one in known.candidates() if one.path == module.path]
            application = own[0] if own else None
        else:
            application = known.named(module, declaration.name, factory=declaration.factory)
        if application:
            return [replace(application, import_root=_above(module, declaration.module), evidence=declaration.evidence)]
    return []


def _named(entry_point: str, modules: Modules, known: Applications) -> list[Application]:
    module, _, name = entry_point.partition(":")
    return [
        replace(application, import_root=_above(file, module))
        for file in modules.find(module)
        if (application := known.named(file, name.removesuffix("()"), factory=name.endswith("()")))
    ]


def _above(module: Module, name: str) -> PurePosixPath:
    """Return the folder from which a file is imported under a dotted name."""
    depth = len(name.split(".")) + (module.path.name == "__init__.py")
    return module.path.parents[depth - 1]


def _variables(application: Application, modules: Modules) -> tuple[Evidence, ...]:
    start = next(module for module in modules if module.path == application.path)
    return required_variables(modules.reachable(start))
