"""One carrier, observed through the code that serves it, without a network."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from adapters.carrier.base import Carrier
from adapters.testing.sheet.declared import observe_declared
from adapters.testing.sheet.form import Sheet
from adapters.testing.sheet.links import observe_links
from adapters.testing.sheet.orders import observe_orders
from adapters.testing.sheet.texts import observe_account, observe_texts
from adapters.testing.sheet.words import observe_words

_OBSERVERS: Final[Mapping[str, Callable[[Carrier], Sheet]]] = {
    "declares": observe_declared,
    "takes": observe_texts,
    "sends": observe_links,
    "account": observe_account,
    "order": observe_orders,
    "says": observe_words,
}


def observe(carrier: Carrier) -> Sheet:
    """Write down all that a carrier declares, takes and says; what its data forbid is a line of its own."""
    sheet: dict[str, Mapping[str, str]] = {}
    for name, look in _OBSERVERS.items():
        try:
            sheet |= look(carrier)
        except (ValueError, LookupError) as error:  # what is wrong in the data must not hide the other rows
            sheet[f"{name}: can be observed"] = {"because of": f"{type(error).__name__}: {error}"}
    return sheet
