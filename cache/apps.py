from django.apps import AppConfig


class CacheConfig(AppConfig):
    name = "cache"
    verbose_name = "Cache"
    default_auto_field = "django.db.models.BigAutoField"
