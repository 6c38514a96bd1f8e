"""/docs/: the API, to read and to try, and its description for machines at /docs/openapi.json.

The page, its script and its style come from here alone, and it may load nothing else.
"""

import json

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from gateway_site.openapi import document

POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'"
DESCRIPTION = json.dumps(document(settings.VERSION), indent=1)


def page(request: HttpRequest) -> HttpResponse:
    response = render(request, "gateway_site/docs.html", {"version": settings.VERSION})
    response["Content-Security-Policy"] = (
        f"{POLICY}; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
    )
    return response


def openapi(request: HttpRequest) -> HttpResponse:
    return HttpResponse(DESCRIPTION, content_type="application/json")
