"""In which language people read: a message id is an English sentence, and a catalogue says it in another one."""

from __future__ import annotations


def english(message: str) -> str:
    """Message ids are English sentences already."""
    return message
