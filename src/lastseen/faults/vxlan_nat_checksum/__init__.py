"""The fault `vxlan_nat_checksum`: NAT breaks a tunnel's checksum."""
