"""How good is a generator? Scores that need no download; read scores.py first, then parzen.py."""
