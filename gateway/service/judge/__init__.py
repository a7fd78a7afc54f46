"""Judging a log: every outcome decided again, by the very functions that the gateway decides with."""

from gateway.service.judge.log_judge import LogJudge
from gateway.service.judge.memory import JudgeStateError

__all__ = ["JudgeStateError", "LogJudge"]
