"""an encrypted protocol over UDP."""
