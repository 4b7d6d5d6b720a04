"""lastseen: why did this request hang, and what do I change?

The stages are read in one direction, `evidence` to `report`; see ARCHITECTURE.md.
"""

from typing import Final

__all__ = ["__version__"]

__version__: Final = "0.1.0"
