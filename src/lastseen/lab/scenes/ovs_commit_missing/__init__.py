"""The scene `ovs_commit_missing`."""
