"""The request log's pages in the admin; logs/admin.py puts them together."""
