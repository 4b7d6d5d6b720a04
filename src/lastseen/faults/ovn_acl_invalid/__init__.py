"""The fault `ovn_acl_invalid`: OVN drops what connection tracking calls invalid."""
