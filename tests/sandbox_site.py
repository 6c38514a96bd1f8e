"""The sandbox alone as a WSGI application, for tests that need a real server's framing."""

from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.urls import include, path

KEY = "sk-sandbox-test"

if not settings.configured:
    settings.configure(
        ALLOWED_HOSTS=["127.0.0.1"], MAX_BODY_MB=1, MIDDLEWARE=[], ROOT_URLCONF=__name__, SANDBOX_KEY=KEY
    )

urlpatterns = [path("sandbox/", include("sandbox.urls"))]
application = get_wsgi_application()
