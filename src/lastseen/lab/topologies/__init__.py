"""Networks as plain functions: each builds nodes and links of one lab and names its points."""

from functools import partial
from typing import Any

__all__ = ["name_of"]


def name_of(topology: Any) -> str:
    """What a topology is called: the module that holds it.

    >>> from lastseen.lab.topologies.routed import routed
    >>> name_of(partial(routed, offload=True))
    'routed'
    """
    function = topology.func if isinstance(topology, partial) else topology
    return str(function.__module__).rpartition(".")[2]
