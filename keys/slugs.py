"""A virtual key named before a model, `@slug/model`: in a body, in a query or in a path.

`GET /v1/models` without a provider tells models by these names, so they may stand wherever a model's name
may. Nothing is changed here: what goes on without the key is made by who sends it.
"""

from urllib.parse import parse_qs

NOT_SLUGS = ("@cf/", "@hf/")  # names of models at Workers AI and Hugging Face
MODEL = "/v1/models/"
METHODS = ("GET", "DELETE")  # what is done with one model by its path


def split(model: str) -> tuple[str, str]:
    """`@slug/model` → its two parts; a name without a slug is a model whole."""
    if not model.startswith("@") or model.startswith(NOT_SLUGS):
        return "", model
    slug, slash, name = model[1:].partition("/")
    return slug, name if slash else model


def in_query(query: str) -> tuple[str, str]:
    """The parts of `?model=@slug/model`; "" for what the query does not name."""
    if "model=" not in query:
        return "", ""
    return split(parse_qs(query).get("model", [""])[0])


def in_path(method: str, path: str) -> tuple[str, str]:
    """The parts of `/v1/models/@slug/model`, a decoded path; both "" if it names no virtual key."""
    if method not in METHODS or not path.startswith(MODEL + "@"):
        return "", ""
    slug, model = split(path.removeprefix(MODEL))
    return (slug, model) if slug and model and not split(model)[0] else ("", "")
