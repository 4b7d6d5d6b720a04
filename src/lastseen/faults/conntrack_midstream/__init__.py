"""The fault `conntrack_midstream`: a stateful hop meets a flow in mid-stream."""
