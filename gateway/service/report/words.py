"""The page's words for codes, in Chinese and English. A code without words stands for itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

BOTH: Final[Mapping[str, str]] = {
    "*": "全部 all",
    "-": "其他 other",
    "beginning": "日志之始 the log's beginning",
    "end": "检查点 the checkpoint",
    # tables
    "by_channel": "期末在网用户（按开通渠道） On at the end, by channel of opening",
    "by_category": "期末拒接类别 Categories refused at the end",
    "by_day": "逐日变化 Day by day",
    "times": "从收到请求到生效的时间（毫秒） From request to effect, ms",
    "effects": "网络侧执行结果 What the networks carried out",
    "calls": "呼叫处置与告知 Calls, and whether subscribers hear of them",
    "notices": "通知送达 Notices",
    "balance": "核对 Reconciliation",
    # columns
    "sum": "合计 sum",
    "day": "日期 day",
    "on": "在网 on",
    "came": "新增 came",
    "went": "减少 went",
    "carrier": "运营商 carrier",
    "step": "阶段 step",
    "count": "数量 count",
    "p50_ms": "中位 p50",
    "p95_ms": "p95",
    "p99_ms": "p99",
    "max_ms": "最大 max",
    "equation": "等式 equation",
    "whom": "范围 whom",
    "left": "左 left",
    "right": "右 right",
    "holds": "成立 holds",
    "yes": "是 yes",
    "no": "否 NO",
    # channels and dispositions
    "sms": "短信 SMS",
    "hotline": "热线 hotline",
    "app": "公众号与应用 account, app",
    "hall": "营业厅 hall",
    "done": "已办理的请求 Requests done",
    "needs_confirmation": "待确认的请求 Requests that needed a second word",
    "refused_by_reason": "拒绝的请求（按原因） Requests refused, by reason",
    # actions
    "open": "开通 open",
    "confirm": "确认 confirm",
    "cancel": "取消 cancel",
    "query": "查询 query",
    "undo_cancel": "撤销取消 undo",
    "set_categories": "设置类别 categories",
    "edit_list": "名单 lists",
    "set_segments": "号段 segments",
    "choose_treatment": "处置方式 treatment",
    "choose_notices": "提醒方式 notices",
    "set_quiet_hours": "免打扰时段 quiet hours",
    # effects and steps
    "accepted": "已受理 accepted",
    "applied": "已生效 applied",
    "degraded": "部分生效 degraded",
    "unsupported": "不支持 unsupported",
    "in_effect": "已生效 in effect",
    "awaited": "等待中 awaited",
    "overdue_items": "超时项 overdue items",
    # calls
    "refused": "拒接 refused",
    "assistant": "智能应答 assistant",
    "challenge_failed": "验证未通过 challenge failed",
    "challenge_passed": "验证通过 challenge passed",
    "failed_open": "未及应答放行 failed open",
    "told": "单独告知 told",
    "folded": "汇总告知 folded",
    "unwanted": "不需告知 unwanted",
    "unregistered": "未登记 unregistered",
    # notices
    "sent": "已发送 sent",
    "delivered": "已送达 delivered",
    "failed": "失败 failed",
    "unknown": "不明 unknown",
    # balance
    "on_before_plus_came_less_went_is_on_now": "期初+新增-减少=期末 on before + came - went = on now",
    "stopped_calls_have_a_fate": "拦截呼叫均有去向 every stopped call has a fate",
    "folded_calls_are_summarised_or_wait": "汇总呼叫已告知或等待 folded calls were summarised or wait",
    "entries_are_read_or_dark": "条目可读或已删除 entries were read or are erased",
    "on_now_is_what_the_registry_lists": "期末与登记系统列表一致 on now is what the registry lists",
}


def name_both(code: str, words: Mapping[str, str]) -> str:
    """The words for a code, or the code."""
    return words.get(code, code)
