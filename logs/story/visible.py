"""Characters that change how others look, or do not look like anything, made visible.

Whoever writes into a log must not be able to turn a line around, or to hide a word in it.
"""

import re

NAMED = 20  # of many in a row
# Control characters but tab and line feed; marks and overrides of direction; what has no width, but for the
# two joiners that scripts and emoji need; fillers, interlinear marks and tags.
UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b\u200e\u200f"
    "\u2028-\u202e\u2060-\u206f\u3164\ufeff\uffa0\ufff9-\ufffb\U000e0000-\U000e0fff\ud800-\udfff]+"
)


def visible(text: str) -> str:
    """The text with a name in the place of each such character: U+202E becomes ⟨U+202E⟩."""
    return UNSEEN.sub(named, text.replace("\r\n", "\n"))


def named(found: re.Match[str]) -> str:
    names = "".join(f"⟨U+{ord(character):04X}⟩" for character in found[0][:NAMED])
    return f"{names}⟨and {len(found[0]) - NAMED:,} more⟩" if len(found[0]) > NAMED else names
