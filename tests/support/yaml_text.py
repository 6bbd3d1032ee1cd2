"""Nested dicts, lists and scalars as the block YAML that a person would write. Nothing reads YAML here."""
import json
import re

_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")


def _scalar(value: object) -> str:
    if value is True or value is False:
        return str(value).lower()
    if isinstance(value, int):
        return str(value)
    text = str(value)
    return text if _PLAIN.fullmatch(text) else json.dumps(text, ensure_ascii=False)


def to_yaml(value: object, indent: int = 0) -> str:
    pad = "  " * indent
    if isinstance(value, dict):
        lines = []
        for key, item in value.items():
            nested = isinstance(item, dict) and item
            lines.append(
                f"{pad}{key}:\n{to_yaml(item, indent + 1)}" if nested else f"{pad}{key}: {_inline(item)}\n"
            )
        return "".join(lines)
    return f"{pad}{_inline(value)}\n"


def _inline(value: object) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_inline(item)}" for key, item in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(_inline(item) for item in value) + "]"
    return _scalar(value)
