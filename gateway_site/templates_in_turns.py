"""Templates that give the worker's other work its turns while they are rendered.

A page of the admin takes some 100 ms to render, and nothing of that waits for anything: without turns every
call and stream of the worker would stand still meanwhile. Settings name the loader; the nodes are Django's.
"""

import threading
import time
from collections.abc import Iterator
from typing import Any

from django.template import Origin, Template
from django.template.base import Node, NodeList
from django.template.loaders import cached
from django.utils.safestring import SafeString

from logs.story.turns import LONGEST, give


class Loader(cached.Loader):
    """Django's cached loader, for templates that are rendered in turns."""

    def get_template(self, template_name: str, skip: list[Origin] | None = None) -> Template:
        template = super().get_template(template_name, skip)
        if not isinstance(template.nodelist, InTurns):
            for nodes in list(lists_in(template.nodelist)):
                nodes.__class__ = InTurns
        return template


class InTurns(NodeList):
    """Nodes that are rendered one after the other, with a turn for the others when one is due."""

    def render(self, context: Any) -> SafeString:
        return SafeString("".join(self.parts(context)))

    def parts(self, context: Any) -> Iterator[str]:
        for node in self:
            yield str(node.render_annotated(context))
            if time.monotonic() - _turn.last > LONGEST:
                give()
                _turn.last = time.monotonic()


class Turn(threading.local):
    """When this thread, or greenlet, had its last one."""

    last = 0.0


_turn = Turn()


def lists_in(value: Any) -> Iterator[NodeList]:
    """All lists of nodes in a template, those inside its tags included."""
    match value:
        case NodeList():
            yield value
            for node in value:
                yield from lists_in(node)
        case Node():
            for held in vars(value).values():
                yield from lists_in(held)
        case list() | tuple():
            for held in value:
                yield from lists_in(held)
