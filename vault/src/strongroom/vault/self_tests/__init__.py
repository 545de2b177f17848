"""What every program of the vault computes before anything else: published answers, and a throwaway key in the token.

It never continues after a wrong answer: no program starts on a machine that computes wrongly. Open `known_answers.py`
first; `token.py` is the same for the arithmetic inside a token.
"""
