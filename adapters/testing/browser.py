"""A browser without scripts, as much of one as the settings page needs: follows redirects, fills in forms by name."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from html import unescape
from urllib.parse import urlsplit

import aiohttp

_FORM = re.compile(r'<form method="post" action="/account/(?P<name>\w+)".*?</form>', re.DOTALL)
_HIDDEN = re.compile(r'<input type="hidden" name="(\w+)" value="([^"]*)">')
_MESSAGE = re.compile(r'role="status"><p>(.*?)</p>', re.DOTALL)
_BADGE = re.compile(r'<span class="badge[^"]*">(.*?)</span>')


@dataclass(frozen=True, slots=True)
class Page:
    """What came back: ``url`` is the path at which it was found in the end."""

    status: int
    text: str = field(repr=False)
    headers: dict[str, str]
    url: str

    @property
    def message(self) -> str:
        """What the page says about what was done; empty if nothing."""
        found = _MESSAGE.search(self.text)
        return unescape(found[1]) if found else ""

    @property
    def badge(self) -> str:
        """The word for the state; empty if there is none."""
        found = _BADGE.search(self.text)
        return found[1] if found else ""

    @property
    def forms(self) -> dict[str, dict[str, str]]:
        """Hidden fields by form, of the first form of each name."""
        found: dict[str, dict[str, str]] = {}
        for form in _FORM.finditer(self.text):
            found.setdefault(form["name"], {name: unescape(value) for name, value in _HIDDEN.findall(form[0])})
        return found


class PageBrowser:
    """One user's, at one page's address. ``urls`` are all that were asked for."""

    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self._session = session
        self._url = url
        self.urls: list[str] = []

    async def get(self, path: str = "/account") -> Page:
        """Open a page."""
        return await self.ask("GET", path)

    async def submit(self, page: Page, form: str, *fields: tuple[str, str], **changes: str) -> Page:
        """Fill in a form of a page and send it; `changes` replace hidden fields by their last word."""
        hidden = page.forms[form] | changes
        return await self.ask("POST", f"/account/{form}", [*hidden.items(), *fields])

    async def ask(self, method: str, path: str, data: list[tuple[str, str]] | None = None) -> Page:
        """Ask, and follow where it leads."""
        async with self._session.request(method, self._url + path, data=data) as answer:
            self.urls += [str(step.url) for step in answer.history] + [str(answer.url)]
            return Page(answer.status, await answer.text(), dict(answer.headers), urlsplit(str(answer.url)).path)
