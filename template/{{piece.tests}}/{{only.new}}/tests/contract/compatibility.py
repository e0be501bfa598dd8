"""Which changes of an API break its callers.

Breaking is, in a contract as `make openapi` writes it:
- a path, an operation or a successful status that is gone;
- a parameter or a body that is new and required, has become required, or is gone;
- a media type that is no longer accepted or no longer answered;
- an input that takes less than before: another type, fewer values of an enumeration, tighter bounds, another pattern or
  format, a property that is new and required, has become required, or is gone;
- an answer that holds what it never held or lacks what it always had: another type, null, new values of an enumeration,
  a property that is gone or may now be absent; a header that is gone.

Everything else is an addition, which callers that ignore what they don't know do not notice.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

Json = dict[str, Any]
_Side = tuple[str, Json]  # "old" or "new", by which references are resolved, and a schema
_LOWER = ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties")
_UPPER = ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties")
_EXACT = ("pattern", "format", "const", "allOf", "not", "multipleOf", "uniqueItems")


def breaking_changes(old: Json, new: Json) -> list[str]:
    """Return a line for each change from one contract to another that breaks callers."""
    return list(_Comparison(old["schemas"], new["schemas"]).paths(old["paths"], new["paths"]))


class _Comparison:
    def __init__(self, old: Json, new: Json) -> None:
        self._schemas = {"old": old, "new": new}
        self._seen: set[tuple[str, str, bool]] = set()

    def paths(self, old: Json, new: Json) -> Iterator[str]:
        for path, operations in old.items():
            for method, operation in operations.items():
                name = f"{method.upper()} {path}"
                if method not in new.get(path, {}):
                    yield f"{name} is gone"
                else:
                    yield from self._operation(name, operation, new[path][method])

    def _operation(self, name: str, old: Json, new: Json) -> Iterator[str]:
        before, after = ({(p["in"], p["name"]): p for p in each["parameters"]} for each in (old, new))
        for key in before | after:
            where = f"{name}: {key[0]} parameter {key[1]}"
            if key not in after:
                yield f"{where} is gone"
            elif after[key].get("required") and not before.get(key, {}).get("required"):
                yield f"{where} is required now"
            elif key in before:
                yield from self._input(where, before[key]["schema"], after[key]["schema"])
        yield from self._body(f"{name}: body", old.get("requestBody"), new.get("requestBody"))
        for status, answer in old["responses"].items():
            where = f"{name}: {status}"
            if status not in new["responses"]:
                yield f"{where} is gone"
            else:
                yield from self._answer(where, answer, new["responses"][status])

    def _body(self, where: str, old: Json | None, new: Json | None) -> Iterator[str]:
        if new is None:
            if old is not None:
                yield f"{where} is gone"
            return
        if new.get("required") and not (old or {}).get("required"):
            yield f"{where} is required now"
        for kind, content in (old or {"content": {}})["content"].items():
            if kind not in new["content"]:
                yield f"{where} may not be {kind} any more"
            else:
                yield from self._input(where, content.get("schema", {}), new["content"][kind].get("schema", {}))

    def _answer(self, where: str, old: Json, new: Json) -> Iterator[str]:
        for name in old.get("headers", {}):
            if name not in new.get("headers", {}):
                yield f"{where} header {name} is gone"
        for kind, content in old.get("content", {}).items():
            if kind not in new.get("content", {}):
                yield f"{where} is not {kind} any more"
            else:
                yield from self._output(where, content.get("schema", {}), new["content"][kind].get("schema", {}))

    def _input(self, where: str, old: Json, new: Json) -> Iterator[str]:
        """Whatever callers sent before must still be taken."""
        yield from self._fits(where, ("old", old), ("new", new), answer=False)

    def _output(self, where: str, old: Json, new: Json) -> Iterator[str]:
        """Whatever is answered now must be what callers could expect before."""
        yield from self._fits(where, ("new", new), ("old", old), answer=True)

    def _fits(self, where: str, sent: _Side, taken: _Side, *, answer: bool) -> Iterator[str]:
        from_side, to_side = sent[0], taken[0]
        pair = (sent[1].get("$ref", ""), taken[1].get("$ref", ""), answer)
        if all(pair[:2]):
            if pair in self._seen:  # compared already, or within itself
                return
            self._seen.add(pair)
        a, b = self._resolved(*sent), self._resolved(*taken)
        if "anyOf" in a or "anyOf" in b:
            yield from self._alternatives(where, (from_side, a), (to_side, b), answer=answer)
            return
        kinds_a, kinds_b = _kinds(a), _kinds(b)
        if kinds_b and not (kinds_a and kinds_a <= kinds_b):
            yield f"{where}: {sorted(kinds_a) or 'anything'} is not {sorted(kinds_b)}"
            return
        if "enum" in b and not ("enum" in a and set(a["enum"]) <= set(b["enum"])):
            yield f"{where}: its values are not all of {b['enum']}"
        if not answer:  # tighter bounds of an answer hurt nobody, and looser ones hardly anybody
            yield from _bounds(where, a, b)
        yield from self._properties(where, (from_side, a), (to_side, b), answer=answer)
        if isinstance(b.get("items"), dict):
            yield from self._fits(f"{where}[]", (from_side, a.get("items", {})), (to_side, b["items"]), answer=answer)

    def _alternatives(self, where: str, sent: _Side, taken: _Side, *, answer: bool) -> Iterator[str]:
        for one in sent[1].get("anyOf", [sent[1]]):
            faults = []
            for other in taken[1].get("anyOf", [taken[1]]):
                seen = set(self._seen)
                faults = list(self._fits(where, (sent[0], one), (taken[0], other), answer=answer))
                if not faults:
                    break
                self._seen = seen
            if faults:
                yield f"{where}: {one.get('$ref') or one.get('type') or one} fits none of the alternatives"

    def _properties(self, where: str, sent: _Side, taken: _Side, *, answer: bool) -> Iterator[str]:
        (from_side, a), (to_side, b) = sent, taken
        has, wants = a.get("properties", {}), b.get("properties", {})
        for name in sorted(set(b.get("required", ())) - set(a.get("required", ()))):
            yield f"{where}.{name} may be absent now" if answer else f"{where}.{name} is required now"
        old, new = (wants, has) if answer else (has, wants)
        for name in sorted(set(old) - set(new)):
            yield f"{where}.{name} is gone"
        if not answer and b.get("additionalProperties") is False and a.get("additionalProperties") is not False:
            yield f"{where}: further properties are refused now"
        for name in sorted(set(has) & set(wants)):
            yield from self._fits(f"{where}.{name}", (from_side, has[name]), (to_side, wants[name]), answer=answer)

    def _resolved(self, side: str, schema: Json) -> Json:
        while "$ref" in schema:
            schema = self._schemas[side][schema["$ref"].rpartition("/")[2]]
        return {**schema, "anyOf": schema["oneOf"]} if "oneOf" in schema else schema


def _kinds(schema: Json) -> set[str]:
    kind = schema.get("type", [])
    kinds = {kind} if isinstance(kind, str) else set(kind)
    return kinds | {"integer"} if "number" in kinds else kinds


def _bounds(where: str, sent: Json, taken: Json) -> Iterator[str]:
    for word in _LOWER:
        if word in taken and not (word in sent and sent[word] >= taken[word]):
            yield f"{where}: {word} is {taken[word]} now"
    for word in _UPPER:
        if word in taken and not (word in sent and sent[word] <= taken[word]):
            yield f"{where}: {word} is {taken[word]} now"
    for word in _EXACT:
        if word in taken and sent.get(word) != taken[word]:
            yield f"{where}: {word} is {taken[word]} now"
