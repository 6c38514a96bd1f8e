"""The project's settings for tests: secrets of no worth, a data directory of their own, nobody's `.env`.

A module of settings, since pytest-django reads those before any conftest; types and missing migrations are
checked under it too, so that a fresh clone needs no secrets for either.
"""

import atexit
import os
import shutil
import tempfile

DATA = tempfile.mkdtemp(prefix="gatehouse-tests-")
atexit.register(shutil.rmtree, DATA, ignore_errors=True)

os.environ.update(
    ENV_FILE="",
    DATA_DIR=DATA,
    SECRET_KEY="for tests only, and worth nothing to anybody who reads it here",
    CREDENTIAL_KEYS="Zm9yIHRlc3RzIG9ubHksIHdvcnRoIG5vdGhpbmcgISE=",
    SANDBOX="1",
)

from gateway_site.settings import *  # noqa: E402, F403

for _each in DATABASES.values():  # noqa: F405
    _each["TEST"] = {"NAME": ":memory:"}  # pytest-xdist would make another name: it does not know the engine
