"""The fault `tls_no_close_notify`: a peer that closes without saying so in TLS."""
