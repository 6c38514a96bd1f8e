"""What every test may use, wherever it lies."""

from hypothesis import settings

pytest_plugins = ["tests.needs", "pytester"]

settings.register_profile("gatehouse", deadline=None)  # a busy machine is no failure
settings.load_profile("gatehouse")
