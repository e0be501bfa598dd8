"""How settings are read: from environment variables and files of secrets, with one sentence for each that is wrong.

A variable's name is the prefix and the field's name in capitals; nested names are joined by two underscores. A secret
can also be a file of that name in the folder that <prefix>SECRETS_DIR names (default /run/secrets), as container
platforms mount them. Variables win over files. Errors name the variable, never its value.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, SecretStr, ValidationError
from pydantic_settings import (
    BaseSettings,
    InitSettingsSource,
    NestedSecretsSettingsSource,
    NoDecode,
    PydanticBaseSettingsSource,
)

from .placeholders import is_placeholder


def _split(value: object) -> object:
    return tuple(word.strip() for word in value.split(",") if word.strip()) if isinstance(value, str) else value


def _printable(text: str) -> str:
    if not (text.isascii() and text.isprintable()):
        raise ValueError("must be printable ASCII characters")
    return text


Printable = Annotated[str, AfterValidator(_printable)]
"""Text that fits into a header or a label."""

Words = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split)]
"""Words that are separated by commas."""


class LoadedSettings(BaseSettings):
    """Settings that are read from outside, and refused with a sentence for each that is missing, wrong or unknown."""

    # Names that platforms use without a prefix, and the field each one fills.
    well_known_variables: ClassVar[Mapping[str, tuple[str, ...]]] = {}
    # Fields without which staging and production do not start.
    required_when_deployed: ClassVar[tuple[tuple[str, ...], ...]] = ()
    # Variables that the application itself reads and can't do without; checked in staging and production.
    application_variables: ClassVar[tuple[str, ...]] = ()

    @property
    def deployed(self) -> bool:
        """True where missing and placeholder secrets are refused."""
        return False

    def undeployable(self) -> Iterator[str]:
        """Yield a sentence for each setting that staging and production must not have."""
        yield from ()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Read arguments, then prefixed variables, then well-known ones, then files of secrets; no .env file."""
        del dotenv_settings
        directory = cls._secrets_directory()
        files = NestedSecretsSettingsSource(
            file_secret_settings,
            secrets_dir=directory if directory.is_dir() else None,
            secrets_prefix=cls.prefix(),
            secrets_nested_delimiter="__",
        )
        return init_settings, env_settings, InitSettingsSource(settings_cls, cls._well_known()), files

    @classmethod
    def load(cls) -> Self:
        """Read the settings. Raises SystemExit with a sentence for each variable that is missing, wrong or unknown."""
        faults = list(cls._unknown_variables())
        try:
            settings = cls()
        except ValidationError as error:
            for fault in error.errors(include_input=False, include_context=False, include_url=False):
                path = tuple(str(part) for part in fault["loc"])
                reason = fault["msg"].removeprefix("Value error, ").rstrip(".")
                if fault["type"] == "string_pattern_mismatch":  # the meaning has an example, a pattern is a riddle
                    reason = f"this is not of the right form. {cls.variables()[cls._variable(path)]}"
                if fault["type"] != "extra_forbidden":  # named among the unknown ones already
                    faults.append(f"{cls._name(path)}: {reason}.")
        else:
            if settings.deployed:
                faults += [*settings._unset_or_placeholder(), *settings.undeployable()]
            if not faults:
                return settings
        raise SystemExit("The service does not start:\n" + "\n".join(f"  {fault}" for fault in faults))

    @classmethod
    def variables(cls) -> dict[str, str]:
        """Return the name of every variable that is read, with its meaning."""
        return dict(_variables(cls, cls.prefix()))

    @classmethod
    def prefix(cls) -> str:
        """Return what the name of each variable starts with."""
        return str(cls.model_config.get("env_prefix"))

    @classmethod
    def _secrets_directory(cls) -> Path:
        return Path(os.environ.get(f"{cls.prefix()}SECRETS_DIR", "/run/secrets"))

    @classmethod
    def _well_known(cls) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for variable, path in cls.well_known_variables.items():
            if value := os.environ.get(variable):
                level = found
                for name in path[:-1]:
                    level = level.setdefault(name, {})
                level[path[-1]] = value
        return found

    @classmethod
    def _unknown_variables(cls) -> Iterator[str]:
        directory = cls._secrets_directory()
        known = {*cls.variables(), f"{cls.prefix()}SECRETS_DIR"}
        files = {file.name for file in directory.iterdir()} if directory.is_dir() else set()
        for name in sorted({*os.environ, *files}):
            if name.startswith(cls.prefix()) and name not in known:
                close = difflib.get_close_matches(name, known, n=1)
                yield f"{name} is not a setting{f': did you mean {close[0]}?' if close else '; remove it.'}"

    def _unset_or_placeholder(self) -> list[str]:
        missing = [self._name(path) for path in self.required_when_deployed if not _value(self, path)]
        missing += [name for name in self.application_variables if not os.environ.get(name)]
        found = [(self._name(path), secret.get_secret_value()) for path, secret in _secrets(self)]
        found += [(name, os.environ[name]) for name in self.application_variables if os.environ.get(name)]
        placeholders = [name for name, secret in found if is_placeholder(secret)]
        where = getattr(self, "environment", "production")
        return [
            *(f"{name} is missing; {where} needs it." for name in missing),
            *(f"{name} is a placeholder; {where} needs a value of its own." for name in placeholders),
        ]

    @classmethod
    def _name(cls, path: tuple[str, ...]) -> str:
        well_known = [variable for variable, fields in cls.well_known_variables.items() if fields == path]
        return " or ".join([*well_known, cls._variable(path)])

    @classmethod
    def _variable(cls, path: tuple[str, ...]) -> str:
        return cls.prefix() + "__".join(path).upper()


def _variables(model: type[BaseModel], prefix: str) -> Iterator[tuple[str, str]]:
    for name, field in model.model_fields.items():
        variable = f"{prefix}{name.upper()}"
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from _variables(field.annotation, f"{variable}__")
        else:
            yield variable, field.description or ""


def _secrets(model: BaseModel, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], SecretStr]]:
    for name in type(model).model_fields:
        value = getattr(model, name)
        if isinstance(value, SecretStr):
            yield (*path, name), value
        elif isinstance(value, BaseModel):
            yield from _secrets(value, (*path, name))


def _value(model: BaseModel, path: tuple[str, ...]) -> Any:
    value: Any = model
    for name in path:
        value = getattr(value, name)
    return value
