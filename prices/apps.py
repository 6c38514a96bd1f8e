"""The app of prices: what models cost, by the price list and by overrides."""

from django.apps import AppConfig


class PricesConfig(AppConfig):
    name = "prices"
    verbose_name = "Prices"
    default_auto_field = "django.db.models.BigAutoField"
