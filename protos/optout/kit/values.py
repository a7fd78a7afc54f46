"""Values that are made by the million: frozen for the type checker, which lets nobody assign to them.

While the program runs they are not frozen: to make a frozen value takes four times as long, for each field is set
through ``object.__setattr__``. Import `dataclass` from here where an audit makes one or more for each entry, and
write ``frozen=True`` as ever.
"""

from typing import TYPE_CHECKING

__all__ = ["dataclass"]

if TYPE_CHECKING:
    from dataclasses import dataclass
else:
    import dataclasses

    def dataclass(*, frozen=False, **options):
        """Make a dataclass that compares and hashes as a frozen one does."""
        return dataclasses.dataclass(unsafe_hash=frozen, **options)
