"""As much of JSON Schema as lastseen's schemas use, written from the specification (draft 2020-12)."""

from collections.abc import Iterator
from typing import Any

TYPES = {"object": dict, "array": list, "string": str, "boolean": bool, "null": type(None)}
KNOWN = {
    "$schema", "$id", "$defs", "$ref", "type", "title", "description", "properties", "required", "items", "prefixItems",
    "minItems", "maxItems", "anyOf", "enum", "const", "additionalProperties", "default",
}  # fmt: skip


def faults_in(value: Any, schema: Any, root: Any, at: str = "$") -> Iterator[str]:
    """Where `value` does not keep to `schema`; properties the schema does not name are faults, too."""
    if unknown := set(schema) - KNOWN:
        yield f"{at}: the schema uses {sorted(unknown)}, which is not checked here"
    if "$ref" in schema:
        name = schema["$ref"].removeprefix("#/$defs/")
        yield from faults_in(value, root["$defs"][name], root, at)
    if "anyOf" in schema and all(any(faults_in(value, one, root, at)) for one in schema["anyOf"]):
        yield f"{at}: {value!r} fits no alternative"
    if "enum" in schema and value not in schema["enum"]:
        yield f"{at}: {value!r} is none of {schema['enum']}"
    if "type" in schema and not _is(value, schema["type"]):
        yield f"{at}: {value!r} is no {schema['type']}"
        return
    if isinstance(value, dict):
        yield from _object(value, schema, root, at)
    if isinstance(value, list):
        yield from _array(value, schema, root, at)


def _is(value: Any, name: str) -> bool:
    if name in {"integer", "number"}:
        return isinstance(value, int if name == "integer" else int | float) and not isinstance(value, bool)
    return isinstance(value, TYPES[name])


def _object(value: dict[str, Any], schema: Any, root: Any, at: str) -> Iterator[str]:
    properties = schema.get("properties", {})
    others = schema.get("additionalProperties")
    yield from (f"{at}: {name} is missing" for name in schema.get("required", []) if name not in value)
    for name, item in value.items():
        if name in properties:
            yield from faults_in(item, properties[name], root, f"{at}.{name}")
        elif isinstance(others, dict):
            yield from faults_in(item, others, root, f"{at}.{name}")
        elif properties:
            yield f"{at}: {name} is not in the schema"


def _array(value: list[Any], schema: Any, root: Any, at: str) -> Iterator[str]:
    tuple_items = schema.get("prefixItems", [])
    for number, item in enumerate(value):
        one = tuple_items[number] if number < len(tuple_items) else schema.get("items", {})
        if isinstance(one, dict):
            yield from faults_in(item, one, root, f"{at}[{number}]")
    if not schema.get("minItems", 0) <= len(value) <= schema.get("maxItems", len(value)):
        yield f"{at}: {len(value)} items"
