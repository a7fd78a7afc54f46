"""Values that are made by the million: frozen for the type checker, which lets nobody assign to them.

While the program runs they are not frozen: to make a frozen value takes four times as long, for each field is set
through ``object.__setattr__``. Import `dataclass` from here where an instruction or an audit makes one or more for
each entry, and write ``frozen=True`` as ever; `replace` copies them in a third of the time.
"""

from enum import Enum
from typing import TYPE_CHECKING, Any, TypeVar

__all__ = ["by_value", "dataclass", "replace"]

E = TypeVar("E", bound=Enum)


def by_value(kind: type[E]) -> dict[Any, E]:
    """The members of an enumeration, to be looked up in a tenth of the time that ``kind(value)`` takes."""
    return {member.value: member for member in kind}


if TYPE_CHECKING:
    from dataclasses import dataclass, replace
else:
    import dataclasses
    from functools import cache
    from operator import attrgetter

    def dataclass(*, frozen=False, **options):
        """Make a dataclass that compares and hashes as a frozen one does."""
        return dataclasses.dataclass(unsafe_hash=frozen, **options)

    def replace(value, /, **changes):
        """Copy a value of this module but for ``changes``.

        TypeError for one that checks itself when it is made: the changes would escape it.
        """
        kind = type(value)
        copy = kind(*_read_all(kind)(value))
        for name, new in changes.items():
            setattr(copy, name, new)
        return copy

    @cache
    def _read_all(kind):
        """What gives a value's fields in the order in which they make another one."""
        fields = dataclasses.fields(kind)
        if hasattr(kind, "__post_init__") or any(field.kw_only or not field.init for field in fields):
            raise TypeError(f"{kind.__name__} is not made of its fields alone")
        names = [field.name for field in fields]
        # Of one name alone it would give the field itself, not a tuple of it.
        return attrgetter(*names) if len(names) > 1 else lambda value: (getattr(value, names[0]),)
