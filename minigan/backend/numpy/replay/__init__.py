"""A training step that a processor repeats without Python's detours.

    notes.py       what a step did: its calls to NumPy, one after another
    watched.py     arrays that take these notes
    kernels.py     what the backend is asked meanwhile
    exchange.py    watched arrays in the place of the weights, for the time of one step
    before.py      where that step began, to go back there
    program.py     the notes become a program: one call to NumPy after another
    folding.py     what is the same each time is done once
    fusion.py      neighbors become one call: a compiled loop
    reuse.py       a result lies where an array was read for the last time
    recording.py   when which of it happens, and the proof that a replay does what the step does

../../recorded.py says which rules a step obeys. MINIGAN_COMPILE=0 lets it run as it is.

Next: notes.py.
"""
