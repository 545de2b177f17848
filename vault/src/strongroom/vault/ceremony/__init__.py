"""The key ceremony: tokens, the wrapping key, asset keys and people's keys are made here, on a machine with no network.

It never takes a PIN from an argument or the environment, never prints one, and never writes a private key that is not
wrapped. Open `cli.py` for what each command asks of whom.
"""
