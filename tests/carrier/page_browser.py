"""The shipped page browser, at a rig's page, as any user of its WeChat simulator."""

from __future__ import annotations

from adapters.testing.browser import Page, PageBrowser
from tests.carrier.account_rig import USER, AccountRig

__all__ = ["Browser", "Page"]


class Browser(PageBrowser):
    """One user's."""

    def __init__(self, rig: AccountRig) -> None:
        super().__init__(rig.http, rig.url)
        self._rig = rig

    async def visit(self, user: str = USER, path: str = "/account") -> Page:
        """Come from the menu's link, authorised as `user`."""
        self._rig.wechat.set_visitor(user)
        return await self.get(path)
