"""Claims and returns: what goes back and what is paid for it."""
