"""The log's part of a gateway: fence, publications, tree, signer, witnesses and EPOCHs, opened and compared."""

from __future__ import annotations

import logging
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import cast

from gateway.config import Engine, GatewayConfig
from gateway.service.audit import LogRooms
from gateway.service.cosigning import Cosigning, WitnessPort
from gateway.service.epoch import EpochCadence, Epochs
from gateway.service.gate import Gate, GatedStore
from gateway.service.record import Recorder
from gateway.service.signer import Cadence, LogParts, LogSigner
from gateway.service.tree import LogTree
from gateway.store.base import Store
from gateway.store.fence import Fence, MemoryFence
from gateway.store.publication import MemoryPublication, Publication
from gateway.store.secret_files import LOG_KEY_FILE, read_signer
from gateway.store.sqlite_fence import SqliteFence
from gateway.store.sqlite_publication import SqlitePublication
from gateway.tlog.note import Signer
from gateway.tlog.policy import Policy, PolicyError, decode_own_policy
from gateway.tlog.sm2 import SM2_SECRET_READERS
from gateway.web.tiles import LogFace
from gateway.web.witness_client import HttpWitness
from optout.kit.clock import Clock
from optout.kit.config import ConfigError, ConfigReason

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class LogHouse:
    """An opened log. ``store`` is the gated one, to be used for every write."""

    store: Store
    gate: Gate
    rooms: LogRooms
    face: LogFace


async def open_log(
    config: GatewayConfig, store: Store, recorder: Recorder, clock: Clock, stack: AsyncExitStack
) -> LogHouse:
    """Open what the log needs and compare it; what disagrees shuts the gate.

    Raises StoreError, SecretKeyError, ConfigError and OSError.
    """
    tlog, gate = config.tlog, Gate()
    signers = _read_signers(config)
    fence = _open_fence(config, signers[0].name)
    stack.callback(fence.close)
    publication = _open_publication(config)
    stack.callback(publication.close)
    tree = LogTree(store, publication)
    cosigning = _open_witnesses(config, tree, publication, clock, stack)
    parts = LogParts(store, tree, fence, publication, signers, cosigning)
    signer = LogSigner(parts, clock, gate, Cadence(grown_s=tlog.checkpoint_s, idle_s=tlog.idle_s))
    await signer.start()
    gated = cast(Store, GatedStore(store, gate))
    cadence = EpochCadence(every_s=tlog.epoch_s, every_entries=tlog.epoch_entries, bits=tlog.map_bits)
    epochs = Epochs(gated, recorder, clock, cadence)
    stack.push_async_callback(epochs.close)
    rooms = LogRooms(tree, signer, epochs, publication)
    return LogHouse(gated, gate, rooms, LogFace(signer, tree, gate, clock))


def _read_signers(config: GatewayConfig) -> list[Signer]:
    tlog = config.tlog
    signers = [read_signer(tlog.key or config.store.secrets / LOG_KEY_FILE)]
    if tlog.sm2_key is not None:
        signers.append(read_signer(tlog.sm2_key, SM2_SECRET_READERS))
        if signers[1].name != signers[0].name:
            raise ConfigError(ConfigReason.BAD_VALUE, "tlog.sm2_key", f"the log's name is {signers[0].name}")
    return signers


def _open_fence(config: GatewayConfig, origin: str) -> Fence:
    if config.store.engine is Engine.MEMORY:
        return MemoryFence()
    return SqliteFence(config.tlog.fence or config.store.path.with_suffix(".fence"), origin)


def _open_publication(config: GatewayConfig) -> Publication:
    if config.store.engine is Engine.MEMORY:
        return MemoryPublication()
    return SqlitePublication(config.tlog.publication or config.store.path.with_suffix(".log"))


def read_witnesses(config: GatewayConfig) -> Policy | None:
    """The policy file of a gateway's witnesses, if it has one. Raises ConfigError and OSError."""
    if config.tlog.witnesses is None:
        return None
    try:
        return decode_own_policy(config.tlog.witnesses.read_bytes())
    except PolicyError as error:
        raise ConfigError(ConfigReason.BAD_VALUE, "tlog.witnesses", str(error)) from None


def _open_witnesses(
    config: GatewayConfig, tree: LogTree, publication: Publication, clock: Clock, stack: AsyncExitStack
) -> Cosigning | None:
    policy = read_witnesses(config)
    if policy is None:
        return None
    if policy.is_weak:
        log.warning("one lying witness could have two histories certified", extra={"witnesses": len(policy.witnesses)})
    ports: dict[str, WitnessPort] = {}
    for name, peer in policy.witnesses.items():
        if not peer.url:
            raise ConfigError(ConfigReason.BAD_VALUE, "tlog.witnesses", f"witness {name} has no URL")
        witness = HttpWitness(peer.url)
        stack.push_async_callback(witness.close)
        ports[name] = witness
    return Cosigning(policy, ports, tree, publication, clock, timeout_s=config.tlog.witness_timeout_s)
