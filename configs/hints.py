"""Slugs of virtual keys as errors and records may show them: a secret in the place of one is hinted at."""

import re

from keys import tokens

LONGEST = 40  # characters of a slug that is shown whole
SUSPECT = 24  # characters from which one has to be made of words; providers' shortest keys have 32
MOST_RANDOM = 12  # characters that are no words: hosted slugs end with six
APART = re.compile(r"[^A-Za-z0-9]+")
WORD = re.compile(r"(?:[A-Z]?[a-z]{1,20}|[A-Z]{1,20})[0-9]{0,4}|[0-9]{1,8}[A-Za-z]{0,2}")


def slug(told: str) -> str:
    """The slug, or a hint at it."""
    return tokens.hint(told) if may_be_secret(told) else told


def may_be_secret(told: str) -> bool:
    """Whether it is longer than slugs are, or as long as keys are and random as they are."""
    return len(told) > LONGEST or is_random(told)


def is_random(told: str) -> bool:
    """Whether it is as long as keys are, and as random."""
    return len(told) >= SUSPECT and random_characters(told) >= MOST_RANDOM


def random_characters(told: str) -> int:
    """How many characters are in what is no word."""
    return sum(len(part) for part in APART.split(told) if not WORD.fullmatch(part))
