"""Checks and strategies for tests of gradients, yours and our own.

Read gradients.py first. strategies.py needs Hypothesis, so it is imported by its own name alone:
`from minigan.testing import strategies`.
"""

from minigan.testing.gradients import (
    assert_keeps_float32,
    assert_matches_torch,
    check_gradients,
)

__all__ = ["assert_keeps_float32", "assert_matches_torch", "check_gradients"]
