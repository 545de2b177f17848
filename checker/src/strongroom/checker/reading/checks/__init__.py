"""What each stage of a docket must show beyond places and signatures; spec/docket.md, points 5 to 11.

Nothing here reads bytes or verifies a statement's signature. Every check collects all that it refuses. Open
`instruct.py` first, then follow the stages.
"""
