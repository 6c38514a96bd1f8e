"""README's pictures are of the screens as they are: taken here anew, by what `make pictures` runs."""

import re
from pathlib import Path

import pytest

from tests import pictures
from tests.servers import ROOT

NAMES = [picture.name for picture in pictures.PICTURES]
README = (ROOT / "README.md").read_text()
PNG = b"\x89PNG\r\n\x1a\n"


@pytest.mark.server
@pytest.mark.browser
def test_each_screen_shows_what_it_is_to_show(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pictures")
    with pictures.served(tmp_path_factory.mktemp("server")) as gatehouse:
        texts = pictures.take(gatehouse, folder)
    for picture in pictures.PICTURES:
        missing = [words for words in picture.shows if words not in texts[picture.name]]
        assert (picture.name, missing) == (picture.name, [])
        assert size(folder / f"{picture.name}.png") == picture.size


def test_readme_shows_all_of_them_and_no_others():
    shown = re.findall(r"!\[[^\]]+\]\(docs/pictures/([a-z-]+)\.png\)", README)
    assert sorted(shown) == sorted(NAMES)
    assert sorted(path.name for path in pictures.FOLDER.iterdir()) == sorted(f"{name}.png" for name in NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_what_is_kept_is_a_picture_of_that_size_and_not_heavy(name):
    path = pictures.FOLDER / f"{name}.png"
    (expected,) = [picture.size for picture in pictures.PICTURES if picture.name == name]
    assert size(path) == expected
    assert path.stat().st_size < 200_000


def size(path: Path) -> tuple[int, int]:
    """Width and height, from the header of a PNG."""
    head = path.read_bytes()[:24]
    assert head.startswith(PNG)
    return int.from_bytes(head[16:20]), int.from_bytes(head[20:24])
