"""Workspaces, the API keys that clients present, and the credentials that the gateway presents to providers.

An API key is long and random, so one SHA-256 of it is kept and found by index. A credential must be read back
to be used, so it is kept sealed; keys/crypto.py says with what. Whoever writes a row that the directory keeps
does so inside `keys.changes.changing`.
"""

from keys.models.api_key import ApiKey
from keys.models.change import Change
from keys.models.installation import Installation
from keys.models.integration import Integration
from keys.models.virtual_key import VirtualKey
from keys.models.workspace import Workspace

__all__ = ["ApiKey", "Change", "Installation", "Integration", "VirtualKey", "Workspace"]
