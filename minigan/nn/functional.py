"""torch's address for the functions: `import minigan.nn.functional as F`. They live in functional/.

Next: init.py.
"""

from minigan.functional import *  # noqa: F403
from minigan.functional import __all__ as __all__
