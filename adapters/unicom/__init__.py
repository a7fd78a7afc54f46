"""China Unicom, served at 10010: its data, the link its SMS gateways speak, its CRM's envelope, its number login."""

from __future__ import annotations

from adapters.carrier.base import Carrier, load_data
from adapters.unicom.account import make_login
from adapters.unicom.hotline import make_envelope
from adapters.unicom.sms import make_link

CARRIER = Carrier(
    load_data(__name__), make_sms_link=make_link, make_order_envelope=make_envelope, make_login=make_login
)
