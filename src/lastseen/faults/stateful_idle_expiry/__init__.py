"""The fault `stateful_idle_expiry`: a stateful hop forgot an idle flow."""
