"""What needs a virtual key, told to whoever is about to take it away. Apps that know add their tellers."""

from collections.abc import Callable, Iterable, Iterator

from keys.models import VirtualKey

Teller = Callable[[VirtualKey], Iterable[str]]

tellers: list[Teller] = []


def of(key: VirtualKey) -> Iterator[str]:
    """In words, such as `config pc-main`, each thing that cannot do without the key."""
    for tell in tellers:
        yield from tell(key)
