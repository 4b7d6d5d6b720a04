"""The case study's fault, and a client that does not notice it: curl ends with the last byte promised."""

from dataclasses import replace

from lastseen.lab.scenes.openstack_padding.scene import SCENE as PADDING
from lastseen.lab.workloads import curl

__all__ = ["SCENE"]

SCENE = replace(PADDING, title="the case study: curl returns at once on the same path", work=curl())
