"""Every public address, on one page."""

from django.conf import settings
from django.contrib import admin
from django.core.exceptions import DisallowedHost
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.urls import URLPattern, URLResolver, include, path, re_path
from django.views import defaults
from django.views.decorators.csrf import csrf_exempt
from django.views.generic import RedirectView

from gateway_site import admin_search, docs, own_password, signing_in
from gateway_site.health import PROBES
from proxy import errors, key_test_page, middleware
from proxy import urls as proxy_urls

GREETING = "Gatehouse. The API is under /v1/ and described at /docs/, its admin is at /admin/.\n"
NO_V1 = "The API is under /v1/. An SDK's base URL ends in /v1."
NO_HOST = "This host name is not among ALLOWED_HOSTS."


@csrf_exempt  # as below: there is nothing to forge, and an SDK reads JSON alone
def greeting(request: HttpRequest) -> HttpResponseBase:
    if request.method not in ("GET", "HEAD"):
        return not_found(request)
    return HttpResponse(GREETING, content_type="text/plain")


@csrf_exempt
def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponseBase:
    """A page inside the admin; elsewhere what Portkey answers to a path it does not know.

    Outside the API with a hint: SDKs come by whose base URL lacks /v1.
    """
    if exception and request.path_info.startswith("/admin/"):
        return defaults.page_not_found(request, exception)
    if middleware.PLANES.match(request.path_info):
        return errors.not_found(request)
    return errors.answer(request, 404, {"message": "Not Found", "ok": False, "hint": NO_V1})


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    """What Django refuses before it looks for a view: a foreign host name, a form that is too large."""
    if request.path_info.startswith("/admin/"):
        return defaults.bad_request(request, exception)
    told = {"message": "Bad Request", "ok": False}
    if isinstance(exception, DisallowedHost):
        told["hint"] = NO_HOST
    return errors.answer(request, 400, told)


def failed(request: HttpRequest) -> HttpResponseBase:
    """The last resort for an exception of ours; the log has its traceback."""
    if request.path_info.startswith("/admin/"):
        return defaults.server_error(request)
    return errors.answer(request, 500, {"message": "Internal Server Error", "ok": False})


urlpatterns: list[URLPattern | URLResolver] = [
    path("v1/", include("proxy.urls")),
    path("", include("configs.urls")),
    path("", include("keys.urls")),
    proxy_urls.rest,
    path("admin/login/", signing_in.sign_in),
    path("admin/search/", admin_search.page),
    path("admin/password_change/", own_password.page, name="password_change"),
    path("admin/keys/<str:kind>/<uuid:pk>/test/", admin.site.admin_view(key_test_page.page), name="key_test"),
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

handler400 = "gateway_site.urls.bad_request"
handler404 = "gateway_site.urls.not_found"
handler500 = "gateway_site.urls.failed"
