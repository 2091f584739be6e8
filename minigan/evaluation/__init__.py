"""How good is a generator? Scores that need no download: read scores.py first, then parzen.py.

What both stand on is in checks.py and neighbors.py.
"""
