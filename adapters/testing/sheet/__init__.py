"""A carrier's sheet: all that it declares, takes and says, line by line, written down and read by a person once.

`sheet.toml` stands beside `data.toml` and is what the suite expects, so that a slip in the data is found rather than
copied. It is written by `optout carrier-suite CARRIER --write-sheet`; whoever changes the data reads what that changes.
"""

from adapters.testing.sheet.form import Sheet, compare, find_sheet, format_sheet, read_sheet
from adapters.testing.sheet.observe import observe

__all__ = ["Sheet", "compare", "find_sheet", "format_sheet", "observe", "read_sheet"]
