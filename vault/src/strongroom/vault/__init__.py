"""The air-gapped side: the signing terminal, its token, and the key ceremony. No network.

It believes nothing that it cannot verify itself and says nothing that is not in its journal first. It must never import
anything of ours but the core, and never open a socket. Open `terminal/` for the six steps, `hsm/` for the keys.
"""
