"""Fixtures of the journeys: a fresh database."""

from __future__ import annotations

from nodes import ethereum_chain, litecoin_chain
from postgres import database

__all__ = ["database", "ethereum_chain", "litecoin_chain"]
