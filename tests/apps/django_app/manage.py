#!/usr/bin/env python
import os
import sys

from django.core.management import execute_from_command_line

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "library.settings")
    os.environ.setdefault("DJANGO_SECRET_KEY", "only for this machine")
    execute_from_command_line(sys.argv)
