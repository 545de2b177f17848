"""The database: a PostgreSQL to talk to, its roles, its migrations, and the one place where its errors become ours.

It knows no room: what tables mean is said in the rooms that own them. It must never hold a rule of custody in Python,
keep data below a home directory, or let a login in without scram. Open `bootstrap.py` first.
"""
