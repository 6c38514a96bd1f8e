"""Making configs and changing them, for whoever asks: the management API, the admin, a command.

What a config says is checked first, by the stricter rules of saved ones. Each text it is given is kept as a
version; a config that is saved with the text it has keeps its version.
"""

from django.core.exceptions import ValidationError

from audit import actors
from configs import compiling
from configs.aside import aside
from configs.models import IN_USE, Config, ConfigVersion, Status
from configs.violations import Violation
from keys.changes import changing
from keys.models import Workspace
from providers.json_text import dumps, indented, loads

LARGEST = 1 << 20  # characters of a config's text
TOO_LARGE = f"A config has at most {LARGEST:,} characters."


class InUse(ValidationError):
    """The config is somebody's default."""


def create_config(workspace: Workspace, name: str, text: str, *, is_default: bool = False) -> Config:
    """A new config, which becomes its workspace's default if it is to.

    Raises ValidationError, and compiling's NotJSON and Invalid.
    """
    config = Config(workspace=workspace, name=name, text=checked(text))
    with changing(config, *([workspace] if is_default else [])):
        save(config)
        set_default(config, is_default=is_default or None)
    return config


def change_config(
    config: Config,
    *,
    name: str | None = None,
    text: str | None = None,
    status: str | None = None,
    is_default: bool | None = None,
) -> Config:
    """The config with what is told changed, and what is None left.

    Raises InUse, and as `create_config` does.
    """
    told = {"name": name, "text": None if text is None else checked(text), "status": status}
    with changing(config, *([] if is_default is None else [config.workspace])):
        config.refresh_from_db()  # under the lock of the generation: nobody's change is lost
        if status not in (None, Status.ACTIVE):
            refuse_if_used(config)
        for member, value in told.items():
            if value is not None:
                setattr(config, member, value)
        save(config)
        set_default(config, is_default=is_default)
    return config


def delete_config(config: Config) -> None:
    """Raises InUse."""
    with changing(config):
        refuse_if_used(config)
        config.delete()


def refuse_if_used(config: Config) -> None:
    """Raises InUse."""
    if users := config.default_of():
        raise InUse(IN_USE.format(", ".join(users)))


def checked(text: str) -> str:
    """The text as it is kept. Raises ValidationError, and compiling's NotJSON and Invalid."""
    if len(text) > LARGEST:
        raise ValidationError(TOO_LARGE)
    compiling.compiled(text, saved=True)
    kept = canonical(text) if len(text) <= compiling.SHORT else aside(lambda: canonical(text))
    if len(kept) > LARGEST:
        raise ValidationError(TOO_LARGE)
    return kept


def canonical(text: str) -> str:
    """JSON as it is kept: indented, its members in their order. Raises compiling.NotJSON."""
    told = compiling.read(text)
    try:
        kept = indented(dumps(told)).decode()
        is_same = loads(kept) == told
    except (RecursionError, ValueError):
        raise compiling.NotJSON("it is nested too deeply") from None
    if not is_same:  # Python reads NaN and 1e400, and JSON has no words for what they are
        raise compiling.NotJSON("it holds a number that is none")
    return kept


def save(config: Config) -> None:
    """Saves the row, and its text as a version if that is new. To be called inside `changing`."""
    who = actors.current().name[:150]
    before = Config.objects.filter(pk=config.pk).values_list("text", flat=True).first()
    config.updated_by = who
    if before is None:
        config.owner = who
    config.number += before != config.text
    config.full_clean()
    config.save()
    if before != config.text:
        ConfigVersion.objects.create(config=config, number=config.number, text=config.text, author=who)


def set_default(config: Config, *, is_default: bool | None) -> None:
    """Make it its workspace's default, or no longer; None leaves that as it is."""
    workspace = Workspace.objects.get(pk=config.workspace_id)
    if is_default is None or is_default == (workspace.default_config_id == config.pk):
        return
    workspace.default_config = config if is_default else None
    workspace.full_clean()
    workspace.save()


def violations_of(error: compiling.NotJSON | compiling.Invalid) -> list[Violation]:
    """What is wrong with a text, each with its place."""
    if isinstance(error, compiling.Invalid):
        return list(error.violations)
    return [Violation((), str(error))]
