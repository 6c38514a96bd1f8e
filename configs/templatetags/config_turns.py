"""`{% turn %}`: everybody else's turn while a long page is written."""

from django import template

from configs import aside

register = template.Library()


@register.simple_tag
def turn() -> str:
    aside.turn()
    return ""
