"""How long calls are kept, and that nothing else removes or changes one."""
