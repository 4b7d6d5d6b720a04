"""The fault `reassembled_too_big`: what was put together from fragments does not fit the next link."""
