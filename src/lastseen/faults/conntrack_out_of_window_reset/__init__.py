"""The fault `conntrack_out_of_window_reset`: what passes NAT untranslated is reset."""
