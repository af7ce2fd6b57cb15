import os
import sys

#: Tests have settings of their own, as in many projects. The command is also a fact that a view shows.
COMMAND = sys.argv[1]
TESTING = COMMAND == "test"

SECRET_KEY = os.environ["DJANGO_SECRET_KEY"]
DEBUG = False
ALLOWED_HOSTS = ["localhost", "127.0.0.1"]

INSTALLED_APPS = ["django.contrib.messages", "django.contrib.sessions", "books"]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
]

ROOT_URLCONF = "library.urls"
WSGI_APPLICATION = "library.wsgi.application"

# Without a database: sessions are in a signed cookie.
DATABASES: dict = {}
SESSION_ENGINE = "django.contrib.sessions.backends.signed_cookies"

# The host's handler has all records.
LOGGING_CONFIG = None
USE_TZ = True
