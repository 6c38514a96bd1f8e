"""The addresses of the data plane, under `/v1/`; `rest` takes what is left when all others were asked."""

from django.urls import path, re_path

from proxy import views

urlpatterns = [
    path("chat/completions", views.ChatCompletions.as_view()),
    path("completions", views.Completions.as_view()),
    path("embeddings", views.Embeddings.as_view()),
    path("models", views.Models.as_view()),
]
rest = re_path(r"^v1/[\s\S]+\Z", views.DataView.as_view())
