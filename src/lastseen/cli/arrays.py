"""Import NumPy without threads for linear algebra: there is none here, and starting them takes 0.05 s.

Only this process is told so: the variable is not left to the programs that lastseen runs.
"""

import os

_VARIABLE = "OPENBLAS_NUM_THREADS"

if _VARIABLE in os.environ:
    import numpy as np
else:
    os.environ[_VARIABLE] = "1"
    import numpy as np

    del os.environ[_VARIABLE]

__all__ = ["np"]
