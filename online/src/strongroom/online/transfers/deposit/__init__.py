"""A deposit: seen, confirmed, credited. By executed effect, never by appearance; to whom the register says.

It must never take an account from a database row alone. Open `credited.py` first.
"""
