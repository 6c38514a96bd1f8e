"""What the bodies of a call say, laid out to be read: conversations, settings, JSON to unfold, times.

Bodies in, frozen values out (values.py). Nothing here knows of a database, a page or HTML; nothing trusts a
byte, and what cannot be read as what it claims to be comes out as the text it is.
"""
