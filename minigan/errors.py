"""The one error that a person sees as a sentence: examples print it on one line and exit with 2."""


class UserError(ValueError):
    """What was asked for cannot be done; the message says why, and what to do instead."""
