"""Every public address, on one page."""

from django.conf import settings
from django.contrib import admin
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.urls import URLPattern, URLResolver, include, path, re_path
from django.views import defaults
from django.views.generic import RedirectView

from gateway_site import docs
from gateway_site.health import PROBES

GREETING = "Gatehouse. The API is under /v1/ and described at /docs/, its admin is at /admin/.\n"


def greeting(request: HttpRequest) -> HttpResponse:
    return HttpResponse(GREETING, content_type="text/plain")


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponseBase:
    """A page inside the admin; elsewhere what Portkey answers to a path it does not know."""
    if exception and request.path_info.startswith("/admin/"):
        return defaults.page_not_found(request, exception)
    return JsonResponse({"message": "Not Found", "ok": False}, status=404)


def failed(request: HttpRequest) -> HttpResponseBase:
    """The last resort for an exception of ours; the log has its traceback."""
    if request.path_info.startswith("/admin/"):
        return defaults.server_error(request)
    return JsonResponse({"message": "Internal Server Error", "ok": False}, status=500)


urlpatterns: list[URLPattern | URLResolver] = [
    path("v1/", include("proxy.urls")),
    path("", include("keys.urls")),
    path("admin/", admin.site.urls),
    path("docs/", docs.page),
    path("docs/openapi.json", docs.openapi),
    *[path(name, RedirectView.as_view(url=f"/{name}/")) for name in ("admin", "docs")],
    *[path(address.lstrip("/"), view) for address, view in PROBES.items()],
    path("", greeting),
]
if settings.SANDBOX:
    urlpatterns.append(path("sandbox/", include("sandbox.urls")))
urlpatterns.append(re_path("", not_found))

handler404 = "gateway_site.urls.not_found"
handler500 = "gateway_site.urls.failed"
