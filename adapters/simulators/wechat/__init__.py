"""The WeChat simulator: WeChat's servers, as the server of one official account sees them; steerable and asserting."""

from adapters.simulators.wechat.entries import Entry, EntryFilter, Happening
from adapters.simulators.wechat.settings import Operation, WechatFault, WechatSettings
from adapters.simulators.wechat.simulator import WechatSimulator

__all__ = ["Entry", "EntryFilter", "Happening", "Operation", "WechatFault", "WechatSettings", "WechatSimulator"]
