"""The sandbox's addresses, included under /sandbox/ where SANDBOX is on."""

from django.urls import path

from sandbox import views

urlpatterns = [
    path("", views.about),
    path("tick", views.tick),
    path("openai/v1/<path:path>", views.openai),
    path("anthropic/v1/<path:path>", views.anthropic),
]
