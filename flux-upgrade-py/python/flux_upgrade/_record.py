"""JSON that stays as it is: hashable, picklable, and never changed by a reader."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, TypeVar, cast

_Value = TypeVar("_Value", covariant=True)


class Record(Mapping[str, _Value]):
    """A mapping from names to values that does not change; equal to any mapping with the same items."""

    __slots__ = ("_items",)

    def __init__(self, items: Mapping[str, _Value] | None = None) -> None:
        self._items: dict[str, _Value] = dict(items or {})

    def __getitem__(self, key: str) -> _Value:
        return self._items[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)

    def __hash__(self) -> int:
        return hash(frozenset(self._items.items()))

    def __reduce__(self) -> tuple[type[Record[_Value]], tuple[dict[str, _Value]]]:
        return Record, (self._items,)

    def __repr__(self) -> str:
        return f"Record({self._items!r})"


def freeze(value: object) -> Any:
    """Parsed JSON with each object as a `Record` and each array as a tuple."""
    match value:
        case dict():
            return Record({key: freeze(item) for key, item in cast(dict[str, object], value).items()})
        case list():
            return tuple(freeze(item) for item in cast(list[object], value))
        case _:
            return value
