"""What every test may use, wherever it lies."""

pytest_plugins = ["tests.needs", "pytester"]
