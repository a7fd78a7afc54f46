"""China Broadnet, served at 10099: its data, the link its SMS gateways speak, its CRM's envelope and its login."""

from __future__ import annotations

from adapters.carrier.base import Carrier, load_data
from optout_broadnet.account import make_login
from optout_broadnet.hotline import make_envelope
from optout_broadnet.sms import make_link

CARRIER = Carrier(
    load_data(__name__), make_sms_link=make_link, make_order_envelope=make_envelope, make_login=make_login
)
