"""Settings for all tests of the house."""

from __future__ import annotations

from hypothesis import settings

# No test depends on speed: on a busy machine a slow example is not a wrong one. The blob repeats a failure elsewhere.
settings.register_profile("house", deadline=None, print_blob=True)
settings.load_profile("house")
