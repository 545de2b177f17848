"""Fixtures of the connected side's tests: a fresh, migrated PostgreSQL database for each test that asks."""

from __future__ import annotations

from postgres import database

__all__ = ["database"]
