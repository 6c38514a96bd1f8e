"""The addresses of configs in the management API, under `/v1/` and `/v2/`; to be included at the root."""

from django.urls import re_path

from configs import api

urlpatterns = [
    re_path(r"^v[12]/configs/?\Z", api.Configs.as_view()),
    re_path(r"^v[12]/configs/(?P<name>[^/]+)/?\Z", api.OneConfig.as_view()),
    re_path(r"^v[12]/configs/(?P<name>[^/]+)/versions/?\Z", api.Versions.as_view()),
]
