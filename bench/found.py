"""What is measured of a contestant: filled by bench/measuring.py, told by bench/report.py."""

from dataclasses import dataclass, field

from bench.contestants import Contestant
from bench.load import Calls, Streams


@dataclass
class Found:
    """What was measured of one contestant. CPU in seconds for one call, stream or row. `crowd` is None when
    nothing came of 1,000 streams."""

    contestant: Contestant
    call: list[float] = field(default_factory=list)
    stream: list[float] = field(default_factory=list)
    busy: list[Calls] = field(default_factory=list)
    single: list[Calls] = field(default_factory=list)
    crowd: Streams | None = None
    idle: dict[str, float] = field(default_factory=dict)
    peak: dict[str, float] = field(default_factory=dict)
    asked: int = 0
    rows: int = 0
    started: tuple[int, float] = (0, 0.0)  # rows, and seconds the ingester had spent, when it was warm
    ingested: float | None = None
    row: float | None = None
