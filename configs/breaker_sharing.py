"""How the workers' breakers hear of one another: one script in Redis, by which each tells and is told.

There lie a count for each target that failed of late, gone by itself when its time is over, and the breakers
that are open. What the numbers lead to is decided in configs/breaker.py, by whoever adds the last of them:
counts are added and read in one step. No config may have more than MOST_OF_ONE that are open here, so that
none ends the sharing of others. What somebody else wrote there is dropped. Nothing lies there longer than a
day, but for the memory, a single number. Ages and times left are told, never a time of day, so that machines
need not agree on one. All names carry one hash tag: they lie on one node of a cluster.
"""

from collections import Counter
from dataclasses import dataclass
from typing import Any

import orjson

from configs.places import room
from shared_state.link import Away, Link, key

NAMES = (key("{breakers}", "open"), key("{breakers}", "memory"), key("{breakers}", "count", ""))
MOST_OPEN = 1_000  # in Redis, as each worker reads them all; beyond that, breakers are each worker's own
MOST_OF_ONE = 200  # of them, of one config
SCRIPT = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local open, memory, count = KEYS[1], KEYS[2], KEYS[3]
local told = cjson.decode(ARGV[1])

local day = 86400000

local function milliseconds(seconds)
  return math.min(day, math.max(1, math.ceil(seconds * 1000)))
end

local function room(key)
  return string.match(key, '^[^:]*:[^:]*') or key
end

local function read(opening)
  local since, ends, failures = string.match(opening, '^(%d+) (%d+) (%d+)$')
  if since and #opening < 60 then
    return tonumber(since), math.min(tonumber(ends), now + day), tonumber(failures)
  end
end

for _, key in ipairs(told.closed) do
  redis.call('HDEL', open, key)
  redis.call('DEL', count .. key)
end

local counts = {}
for i, each in ipairs(told.added) do
  local name = count .. each.key
  local before = tonumber(redis.call('HGET', name, 'failures') or 0)
  local failures = redis.call('HINCRBY', name, 'failures', each.failures)
  local successes = redis.call('HINCRBY', name, 'successes', each.successes)
  if redis.call('PTTL', name) < 0 or (before == 0 and failures > 0) then
    redis.call('PEXPIRE', name, milliseconds(each.left))
  end
  counts[i] = {failures, successes, redis.call('PTTL', name)}
end

local opened, rooms, index = {}, {}, {}
local function put(key, since, ends, failures)
  opened[#opened + 1] = {key, now - since, ends - now, failures}
  rooms[room(key)] = (rooms[room(key)] or 0) + 1
  index[key] = true
end

local pairs_ = redis.call('HGETALL', open)
for i = 1, #pairs_, 2 do
  local since, ends, failures = read(pairs_[i + 1])
  if since and ends > now then
    put(pairs_[i], since, ends, failures)
  else
    redis.call('HDEL', open, pairs_[i])
  end
end

for _, each in ipairs(told.opened) do
  local taken = rooms[room(each.key)] or 0
  if not index[each.key] and #opened < tonumber(ARGV[2]) and taken < tonumber(ARGV[3]) then
    local since, ends = now - milliseconds(each.age), now + milliseconds(each.left)
    redis.call('HSET', open, each.key, string.format('%.0f %.0f %.0f', since, ends, each.failures))
    put(each.key, since, ends, each.failures)
  end
end

local latest = 0
for _, each in ipairs(opened) do
  latest = math.max(latest, each[3])
end
if latest > 0 then
  redis.call('PEXPIRE', open, latest)
end

redis.call('SETNX', memory, now)
return cjson.encode({memory = redis.call('GET', memory), counts = counts, open = opened})
"""


@dataclass(frozen=True, slots=True)
class Added:
    """What came of a target since it was told last. `left`: seconds until its count is over."""

    key: str
    failures: int
    successes: int
    left: float


@dataclass(frozen=True, slots=True)
class Opened:
    """A breaker that is open: seconds since it opened, seconds until it closes."""

    key: str
    age: float
    left: float
    failures: int


@dataclass(frozen=True, slots=True)
class Told:
    """What Redis is told. `closed`: the keys of breakers that were closed by hand, before all else."""

    closed: list[str]
    added: list[Added]
    opened: list[Opened]


@dataclass(frozen=True, slots=True)
class Total:
    """The count of a target over all workers, and the seconds until it is over."""

    failures: int
    successes: int
    left: float


@dataclass(frozen=True, slots=True)
class Heard:
    """What Redis answers. `memory`: another one than before where it has forgotten everything meanwhile.

    `totals`: of what was added, in its order. `open`: every breaker, or MOST_OPEN of them.
    """

    memory: str
    totals: list[Total]
    open: list[Opened]


def exchange(link: Link, told: Told) -> Heard:
    """Tell what became of targets here, hear what became of them everywhere. Raises Away.

    When it is raised it is not known whether Redis has heard; what is told again may count twice.
    """
    words = orjson.dumps(told)
    with link.use() as redis:
        answer: Any = redis.register_script(SCRIPT)(keys=NAMES, args=[words, MOST_OPEN, MOST_OF_ONE])
    try:
        return heard(orjson.loads(answer))
    except (ValueError, TypeError, LookupError):
        raise Away("Redis did not answer as it should.") from None


def heard(answer: dict[str, Any]) -> Heard:
    """Lua has one word for an empty list and an empty object, so either may stand for the other."""
    totals = [Total(failures, successes, left / 1000) for failures, successes, left in answer["counts"] or ()]
    opened = [Opened(key, age / 1000, left / 1000, failed) for key, age, left, failed in answer["open"] or ()]
    return Heard(answer["memory"], totals, opened)


class Full:
    """Where Redis has no room left: what is not told there of it may be open all the same."""

    def __init__(self, opened: list[Opened]) -> None:
        self.is_full = len(opened) >= MOST_OPEN
        self.taken = Counter(room(each.key) for each in opened)

    def has(self, key: str) -> bool:
        return self.is_full or self.taken[room(key)] >= MOST_OF_ONE
