"""The command line: one file a command. Only here are the stages put together."""
