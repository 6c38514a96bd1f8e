"""What gunicorn serves."""

import os

from django.conf import settings
from django.core.wsgi import get_wsgi_application

from gateway_site.checks import stop_if_unfit
from gateway_site.forwarded import believing

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "gateway_site.settings")
application = believing(get_wsgi_application(), settings.TRUSTED_PROXIES)
stop_if_unfit()
