"""Transfers: withdrawals from a client's instruction to the settled transaction. Section III of the circular."""
