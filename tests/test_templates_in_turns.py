"""Templates rendered in turns: the same text as Django's own loader makes, with turns inside every tag."""

import time

import pytest
from django.template import Context, Engine

from gateway_site import templates_in_turns

LOCMEM = "django.template.loaders.locmem.Loader"
IN_TURNS = "gateway_site.templates_in_turns.Loader"
TEMPLATES = {
    "base": "<{% block a %}base{{ slow }}{{ slow }}{% endblock %}>{% block b %}{% endblock %}",
    "page": "{% extends 'base' %}{% block b %}{{ block.super }}{{ slow }}|{% include 'part' %}{% endblock %}",
    "part": "{% for n in three %}{% if n %}{{ slow }}{{ n }}{% else %}none{{ slow }}{% endif %}{% endfor %}",
    "with": "{% with x=1 %}{{ x }}{{ slow }}{% endwith %}{% autoescape on %}{{ markup }}{% endautoescape %}",
    "deep": "{% filter upper %}{{ slow }}{% spaceless %}<b> {{ slow }} </b>{% endspaceless %}{% endfilter %}",
}


class Slow:
    def __str__(self) -> str:
        time.sleep(templates_in_turns.LONGEST)
        return "s"


def rendered(name: str, loader: str) -> str:
    engine = Engine(loaders=[(loader, [(LOCMEM, TEMPLATES)])])
    three = [0, 1, "<two>"]
    return engine.get_template(name).render(Context({"slow": Slow(), "three": three, "markup": "<i>"}))


@pytest.mark.parametrize("name", TEMPLATES)
def test_a_page_is_the_same_and_gives_a_turn_after_each_slow_part(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    turns: list[float] = []
    monkeypatch.setattr(templates_in_turns, "give", lambda: turns.append(time.monotonic()))
    plain = rendered(name, "django.template.loaders.cached.Loader")
    assert turns == []
    assert rendered(name, IN_TURNS) == plain
    assert len(turns) >= plain.lower().count("s")


def test_the_site_renders_its_pages_so() -> None:
    nodes = Engine.get_default().get_template("admin/index.html").nodelist
    assert isinstance(nodes, templates_in_turns.InTurns)
