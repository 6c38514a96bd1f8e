"""The addresses of the data plane, under `/v1/`."""

from django.urls import path

from proxy import views

urlpatterns = [
    path("chat/completions", views.ChatCompletions.as_view()),
]
