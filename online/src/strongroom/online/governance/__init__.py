"""Roots, rosters, policy and registers as the platform knows them: out of the log, entries beside it.

Publishing verifies what every device will verify again. The platform cannot make a register; it can only withhold one.
"""
