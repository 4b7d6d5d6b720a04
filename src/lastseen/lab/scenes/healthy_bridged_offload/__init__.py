"""a page through a bridge with br_netfilter, offloads on."""
