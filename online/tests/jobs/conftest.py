"""Fixtures of the jobs' tests."""

from __future__ import annotations

from postgres import database

__all__ = ["database"]
