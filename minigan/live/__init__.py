"""The game, to be watched and played with while it runs: an engine that a page can talk to.

The engine knows nothing of the page: it answers requests, each a few plain values, and plays in
between. So the same engine serves a page from this machine and runs inside a browser.
Next: protocol.py.
"""
