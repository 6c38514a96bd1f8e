"""What the admin shows beside a config's form: its tree, a dry run, its breakers, its versions.

To look, it is enough to be allowed to; a version is put in force again, and a breaker closed, by who may
change the config.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.functional import SimpleLazyObject
from django.views.decorators.http import require_POST

from audit.models import Action
from audit.trail import event
from configs import breaker, dry_run, places
from configs.admin_trial import TrialForm
from configs.aside import aside
from configs.compiling import Invalid, NotJSON
from configs.creation import change_config, violations_of
from configs.differences import differences
from configs.drawing import Marks, drawn
from configs.dry_call import Key
from configs.models import Config, ConfigVersion
from configs.saved import read
from configs.tree import Tree
from keys import virtual_keys
from keys.admin_lists import QuickAdmin
from keys.models import VirtualKey

LATEST = 5  # versions shown on the page of a config
SHOWN = 50  # versions on a page of their own
MOST_OPEN = 100  # breakers shown on the page of a config
LONGEST_KEY = 1_000  # characters


class ConfigPages(QuickAdmin):
    change_form_outer_after_template: Any = "configs/beside.html"

    class Media:
        css = {"all": ["configs/configs.css"]}

    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        pages = {
            "try": self.try_out,
            "versions": self.versions,
            "restore": require_POST(self.restore),
            "close": require_POST(self.close),
        }
        own = [
            path(f"<uuid:pk>/{name}/", wrap(view), name=f"configs_config_{name}")
            for name, view in pages.items()
        ]
        return [*own, *super().get_urls()]

    def render_change_form(self, request: HttpRequest, context: Any, *args: Any, **more: Any) -> HttpResponse:
        config: Config | None = more.get("obj")
        if config is not None:
            # Looked up when the page is written, when the form's lock is gone; and as it is, not as typed.
            context["beside"] = SimpleLazyObject(lambda: beside(Config.objects.get(pk=config.pk)))
        return super().render_change_form(request, context, *args, **more)

    def try_out(self, request: HttpRequest, pk: UUID) -> TemplateResponse:
        """Asks which target a request would take. Raises Http404, PermissionDenied."""
        config = self.seen(request, pk)
        tree, violations = read(config.text)
        opened = of_tree(tree, breakers(config)) if tree.has_breakers else frozenset[str]()
        form = TrialForm(request.POST if request.method == "POST" else None)
        run = None
        if form.is_bound and form.is_valid() and not violations:
            call = form.call()
            keys = usable_keys(config, (*tree.slugs, call.slug))
            run = dry_run.run(tree, replace(call, keys=keys), opened)
        context = {
            "title": f"Dry run of {config.name}",
            "form": form,
            "run": run,
            "shown": dry_run.SHOWN,
            "violations": violations,
            "box": drawn(tree, Marks(run.shares if run else None, opened, missing_keys(config, tree))),
        }
        return self.shown(request, config, "configs/try.html", context)

    def versions(self, request: HttpRequest, pk: UUID) -> TemplateResponse:
        """The versions, and what one of them changed. Raises Http404, PermissionDenied."""
        config = self.seen(request, pk)
        number = request.GET.get("version", "")
        version = config.versions.filter(number=number_of(number) or config.number).first()
        if version is None:
            raise Http404
        before = config.versions.filter(number=version.number - 1).first()
        context = {
            "title": f"Versions of {config.name}",
            "version": version,
            "before": before,
            "differences": aside(partial(differences, before.text, version.text)) if before else [],
            "versions": config.versions.filter(number__lt=version.number + SHOWN // 2).defer("text")[:SHOWN],
            "may_restore": version.number != config.number and self.has_change_permission(request, config),
        }
        return self.shown(request, config, "configs/versions.html", context)

    def restore(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        """Puts the text of a version in force, as a new one. Raises Http404, PermissionDenied."""
        config = self.changed(request, pk)
        version = config.versions.filter(number=number_of(request.POST.get("version", ""))).first()
        if version is None:
            raise Http404
        self.put_in_force(request, config, version)
        return redirect("admin:configs_config_change", pk)

    def put_in_force(self, request: HttpRequest, config: Config, version: ConfigVersion) -> None:
        try:
            change_config(config, text=version.text)
        except (NotJSON, Invalid) as error:
            told = "; ".join(map(str, violations_of(error)))
            self.message_user(request, f"It would be no config any more: {told}", messages.ERROR)
        except ValidationError as error:
            self.message_user(request, " ".join(error.messages), messages.ERROR)
        else:
            told = f"Version {version.number} is in force again, as version {config.number}."
            self.message_user(request, told, messages.SUCCESS)

    def close(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        """Closes a breaker of this config. Raises Http404, PermissionDenied."""
        config = self.changed(request, pk)
        key = request.POST.get("key", "")[:LONGEST_KEY]
        if not key.startswith(place_of(config)):
            raise Http404
        breaker.reset(key)
        note_closed(config, key)
        self.message_user(request, "It is closed: its target is used again.", messages.SUCCESS)
        return redirect(f"{reverse('admin:configs_config_change', args=[pk])}#breakers")

    def seen(self, request: HttpRequest, pk: UUID) -> Config:
        """The config, for who may look at it. Raises Http404, PermissionDenied."""
        config: Config | None = self.get_queryset(request).filter(pk=pk).first()
        if config is None:
            raise Http404
        if not self.has_view_permission(request, config):
            raise PermissionDenied
        return config

    def changed(self, request: HttpRequest, pk: UUID) -> Config:
        """The config, for who may change it. Raises Http404, PermissionDenied."""
        config = self.seen(request, pk)
        if not self.has_change_permission(request, config):
            raise PermissionDenied
        return config

    def shown(
        self, request: HttpRequest, config: Config, template: str, context: dict[str, Any]
    ) -> TemplateResponse:
        told = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "original": config,
            **context,
        }
        request.current_app = self.admin_site.name
        return TemplateResponse(request, template, told)


def beside(config: Config) -> dict[str, Any]:
    """What stands below the form of a config."""
    tree, violations = read(config.text)
    opened = breakers(config)
    return {
        "violations": violations,
        "box": drawn(tree, Marks(opened=of_tree(tree, opened), missing=missing_keys(config, tree))),
        "breakers": opened[:MOST_OPEN] if opened or tree.has_breakers else None,
        "more_breakers": len(opened[MOST_OPEN:]),
        "breakers_are_shared": breaker.scope() == "shared",
        "versions": config.versions.defer("text")[:LATEST],
    }


def missing_keys(config: Config, tree: Tree) -> frozenset[str]:
    """The slugs in the tree of no virtual key that its workspace can use."""
    return frozenset(tree.slugs) - usable_keys(config, tree.slugs).keys()


def usable_keys(config: Config, slugs: Iterable[str]) -> dict[str, Key]:
    """Those of the slugs that its workspace can use, expired ones among them."""
    possible = [slug for slug in slugs if virtual_keys.SLUG.fullmatch(slug)]
    rows = VirtualKey.objects.within(config.workspace_id).usable().filter(slug__in=possible)
    told = rows.values_list("slug", "integration__provider", "allow_passthrough", "expires_at")
    now = timezone.now()
    return {
        slug: Key(provider, passes, ends is not None and ends <= now) for slug, provider, passes, ends in told
    }


@dataclass(frozen=True, slots=True)
class Opened:
    """An open breaker of a config: of which of its texts, by digest, and of which target."""

    told: breaker.Open
    digest: str
    path: str


def place_of(config: Config) -> str:
    """What the keys of all its breakers begin with."""
    return places.beginning(str(config.workspace_id), config.slug)


def breakers(config: Config) -> list[Opened]:
    """Those of this config that are open, of all its versions."""
    place = place_of(config)
    return [
        Opened(each, *each.key.removeprefix(place).partition(":")[::2])
        for each in breaker.opened()
        if each.key.startswith(place)
    ]


def of_tree(tree: Tree, opened: list[Opened]) -> frozenset[str]:
    """The paths of this version's targets that a breaker leaves alone."""
    return frozenset(each.path for each in opened if each.digest == tree.digest[: places.DIGITS])


def note_closed(config: Config, key: str) -> None:
    """The audit log's word of it: no row changes, and calls go another way."""
    closed = event(
        Action.MANAGE,
        kind=Config.kind,
        id=str(config.pk),
        name=str(config),
        workspace_id=config.workspace_id,
        changes={f"breaker of {key.rpartition(':')[2][:200]}": ["open", "closed"]},
    )
    closed.save()


def number_of(text: str) -> int:
    """A version's number; 0, which none has, where the text is none."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0
