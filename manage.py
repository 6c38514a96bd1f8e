#!/usr/bin/env python
"""Django's command line, for this project."""

import os
import sys

from django.core.management import execute_from_command_line

from audit.actors import acting, of_command

if __name__ == "__main__":
    os.umask(0o077)  # a database made by `migrate` is for its owner alone
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "gateway_site.settings")
    with acting(of_command()):
        execute_from_command_line(sys.argv)
