"""The theory of the 2014 paper as experiments, on a line and on a plane.

docs/theory.md tells the story. Next: toys.py, plane.py, game.py, line.py,
figure1.py, eigenvalues.py, ring.py, pictures.py.
"""
