"""Policy: default deny, the strictest of all matching rules, and what cannot be evaluated blocks; spec/policy.md.

Pure and without a memory: what was used of a window and what a unit is worth are handed in, so that platform and
terminal judge by one function. It never asks a clock and never rounds in the payer's favour. Open `evaluate.py` first.
"""

from strongroom.core.policy.evaluate import (
    Evaluation,
    check_transaction_limits,
    check_void_fee,
    evaluate,
    evaluate_void,
    required_quorums,
)
from strongroom.core.policy.model import Effect, Hours, Parameters, Policy, Rule, Window
from strongroom.core.policy.prices import Price, Prices
from strongroom.core.policy.request import Request, Usage, UsageTable

__all__ = [
    "Effect",
    "Evaluation",
    "Hours",
    "Parameters",
    "Policy",
    "Price",
    "Prices",
    "Request",
    "Rule",
    "Usage",
    "UsageTable",
    "Window",
    "check_transaction_limits",
    "check_void_fee",
    "evaluate",
    "evaluate_void",
    "required_quorums",
]
