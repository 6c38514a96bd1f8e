"""Django's SQLite backend, kept off the event loop; see base.py."""
