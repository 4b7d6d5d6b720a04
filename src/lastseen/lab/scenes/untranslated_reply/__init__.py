"""The scene `untranslated_reply`."""
