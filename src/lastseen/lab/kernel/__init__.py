"""The nested machine: a distribution's kernel, in which Open vSwitch has the bug of the case study again."""
