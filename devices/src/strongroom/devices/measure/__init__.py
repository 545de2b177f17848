"""What a program is made of, as one digest for each of its roots, and whether it computes as published.

Roots are packages, scripts, source folders, Python itself. It measures files and compares lists; what a difference
means is decided by the program that asked. It never measures itself honest: a program that was changed on purpose can
print any digest, so the same files are also measured from outside, by another machine (`strongroom-ceremony measure`).
Open `tree.py` first; `self_test.py` compares with published answers. Source: docs/adr/0028; III.22, V.9d.
"""
