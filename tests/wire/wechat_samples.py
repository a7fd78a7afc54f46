"""Accounts, callbacks and messages for the tests of the WeChat codec."""

import json
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from adapters.wire import wechat

VECTORS: list[dict[str, Any]] = json.loads(
    Path(__file__).with_name("vectors").joinpath("wechat.json").read_text(encoding="utf-8")
)["wechat"]
OFFICIAL = VECTORS[0]
ACCOUNT = wechat.make_account("wx2c2769f8efd9abc2", "spamtest", OFFICIAL["encoding_aes_key"])
TIMESTAMP = OFFICIAL["timestamp"]
NONCE = OFFICIAL["nonce"]
NOW_MS = int(TIMESTAMP) * 1000
RANDOM = b"0123456789abcdef"
TO_USER = "gh_10f6c3c3ac5a"
OPENID = "oyORnuP8q7ou2gfYjqLzSIWZf0rs"


def make_text(content: str = "KTFSR", msg_id: str = "6054768590064713728") -> wechat.TextMessage:
    return wechat.TextMessage(
        to_user=TO_USER, from_user=OPENID, create_time_s=int(TIMESTAMP), msg_id=msg_id, content=content
    )


def seal(message: bytes, *, timestamp: str = TIMESTAMP, nonce: str = NONCE) -> tuple[wechat.CallbackQuery, bytes]:
    return wechat.seal_callback(
        ACCOUNT, message, to_user=TO_USER, openid=OPENID, timestamp=timestamp, nonce=nonce, random=RANDOM
    )


def open_at(
    query: wechat.CallbackQuery, body: bytes, *, now_ms: int = NOW_MS, window: wechat.ReplayWindow | None = None
) -> wechat.Message:
    return wechat.open_callback(ACCOUNT, query, body, window if window is not None else wechat.ReplayWindow(), now_ms)


def wrap_event(inner: str) -> bytes:
    return (
        f"<xml><ToUserName>{TO_USER}</ToUserName><FromUserName>{OPENID}</FromUserName>"
        f"<CreateTime>{TIMESTAMP}</CreateTime><MsgType>event</MsgType>{inner}</xml>"
    ).encode()


def texts(max_size: int = 40) -> st.SearchStrategy[str]:
    """Everything XML can hold, with the marks that end or begin markup made likely."""
    characters = st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufffe\uffff")
    return st.lists(
        st.one_of(characters, st.sampled_from(["]]>", "<![CDATA[", "&amp;", "\r", "\n", "<", "中"])), max_size=max_size
    ).map("".join)


names = st.text("abcXYZ019_-", min_size=1, max_size=28)
ids = st.text("0123456789", min_size=1, max_size=20)
head = {"to_user": names, "from_user": names, "create_time_s": st.integers(0, 2**32)}
choices = st.builds(
    wechat.TemplateChoice,
    texts(8).filter(bool),
    st.sampled_from(["accept", "reject"]),
    names.map(str.lower).filter(str.isalnum),
)
fates = st.builds(wechat.TemplateFate, texts(8).filter(bool), ids, st.integers(0, 10**8), texts(8))


def messages() -> st.SearchStrategy[wechat.Message]:
    keyed = [wechat.Unsubscribe, wechat.Click, wechat.View]
    ticketed = [wechat.Subscribe, wechat.Scan]
    chosen = [wechat.SubscriptionPopup, wechat.SubscriptionChange]
    return st.one_of(
        st.builds(wechat.TextMessage, **head, msg_id=ids, content=texts()),
        *(st.builds(kind, **head, event_key=texts()) for kind in keyed),
        *(st.builds(kind, **head, event_key=texts(), ticket=texts()) for kind in ticketed),
        st.builds(wechat.Location, **head),
        st.builds(wechat.TemplateSent, **head, msg_id=ids, status=texts().filter(bool)),
        *(st.builds(kind, **head, items=st.lists(choices, max_size=3).map(tuple)) for kind in chosen),
        st.builds(wechat.SubscriptionSent, **head, items=st.lists(fates, max_size=3).map(tuple)),
        st.builds(
            wechat.UnknownMessage,
            **head,
            msg_type=st.just("voice"),
            msg_id=ids | st.just(""),
            texts=st.just((("MediaId", "m"),)),
        ),
    )
