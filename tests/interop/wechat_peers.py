"""WeChat's cipher as others wrote it: PyPI's wechatpy in this process, npm's wechat-crypto in one of its own."""

import importlib
import importlib.util
import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from tests.wire.wechat_samples import ACCOUNT, NONCE, OFFICIAL, OPENID, TIMESTAMP, TO_USER

_ROOT = Path(__file__).resolve().parents[2]
_MODULES = _ROOT / "build" / "interop" / "node_modules"
_DRIVER = Path(__file__).with_name("wechat_crypto_driver.js")
SETTINGS = ACCOUNT.token, OFFICIAL["encoding_aes_key"], ACCOUNT.app_id


class Peer(Protocol):
    """What another implementation is asked; timestamp and nonce are those of the samples unless given."""

    def seal(self, xml: str) -> tuple[str, str]:
        """Encrypt and sign: the ciphertext and its signature."""
        ...

    def open(self, encrypted: str, signature: str, timestamp: str = TIMESTAMP, nonce: str = NONCE) -> str | None:
        """Prove and decrypt; None if it refuses."""
        ...


class Wechatpy:
    """wechatpy, from Python; imported only here, since most test runs do without it."""

    def __init__(self) -> None:
        assert importlib.util.find_spec("wechatpy") is not None, "no wechatpy: run 'make interop'"
        self._wechatpy: Any = importlib.import_module("wechatpy")
        self._crypto: Any = importlib.import_module("wechatpy.crypto")
        self._utils: Any = importlib.import_module("wechatpy.utils")
        self._replies: Any = importlib.import_module("wechatpy.replies")
        self._refusal: Any = importlib.import_module("wechatpy.exceptions").InvalidSignatureException
        self._account = self._crypto.WeChatCrypto(*SETTINGS)

    def seal(self, xml: str) -> tuple[str, str]:
        encrypted = self._crypto.PrpCrypto(self._account.key).encrypt(xml, ACCOUNT.app_id).decode()
        signer = self._utils.WeChatSigner()
        signer.add_data(ACCOUNT.token, TIMESTAMP, NONCE, encrypted)
        return encrypted, signer.signature

    def open(self, encrypted: str, signature: str, timestamp: str = TIMESTAMP, nonce: str = NONCE) -> str | None:
        return self._decrypt({"Encrypt": encrypted}, signature, timestamp, nonce)

    def write_body(self, xml: Any) -> bytes:
        """Its whole envelope, signature and all."""
        return str(self._account.encrypt_message(xml, NONCE, TIMESTAMP)).encode()

    def write_reply(self, content: str) -> bytes:
        """Its own text reply in its own envelope."""
        reply = self._replies.TextReply(source=TO_USER, target=OPENID, content=content, time=int(TIMESTAMP))
        return self.write_body(reply)

    def read_body(self, body: bytes, signature: str) -> Any:
        """Its own message object out of a whole body."""
        return self._wechatpy.parse_message(self._decrypt(body, signature))

    def takes_url(self, signature: str) -> bool:
        """Whether it would answer the GET."""
        try:
            self._utils.check_signature(ACCOUNT.token, signature, TIMESTAMP, NONCE)
        except self._refusal:
            return False
        return True

    def _decrypt(
        self, body: bytes | dict[str, str], signature: str, timestamp: str = TIMESTAMP, nonce: str = NONCE
    ) -> str | None:
        try:
            return str(self._account.decrypt_message(body, signature, timestamp, nonce))
        except self._refusal:
            return None


class WechatCrypto:
    """wechat-crypto, from Node."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def seal(self, xml: str) -> tuple[str, str]:
        answer = self._ask(operation="seal", xml=xml)
        return answer["encrypted"], answer["signature"]

    def open(self, encrypted: str, signature: str, timestamp: str = TIMESTAMP, nonce: str = NONCE) -> str | None:
        answer = self._ask(operation="open", encrypted=encrypted, signature=signature, timestamp=timestamp, nonce=nonce)
        return None if answer.get("refused") else answer["xml"]

    def _ask(self, **request: str) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"timestamp": TIMESTAMP, "nonce": NONCE, **request}) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, "wechat-crypto ended; see its standard error above"
        answer: dict[str, Any] = json.loads(line)
        return answer


@contextmanager
def running_wechat_crypto() -> Iterator[WechatCrypto]:
    """Run the driver; its folder of modules is made by ``make interop``."""
    assert (_MODULES / "wechat-crypto").is_dir(), "no wechat-crypto under build/interop: run 'make interop'"
    command = ["node", "--no-deprecation", str(_DRIVER), *SETTINGS]
    environment = {**os.environ, "NODE_PATH": str(_MODULES)}
    with subprocess.Popen(
        command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8"
    ) as process:
        yield WechatCrypto(process)
