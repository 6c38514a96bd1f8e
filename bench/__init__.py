"""The benchmark, as anyone can run it: `make bench`, and bench/cpu.py for one call in one process.

It opens no address but loopback, ends by itself, and takes away what it started and wrote.
"""
