"""OpenAI's text completions: a choice for each prompt, or `n` for each. Pure.

The shapes are those of https://platform.openai.com/docs/api-reference/completions; what is said is
speech.py's, so a chat with one message and a completion of the same prompt say the same.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from sandbox import errors, frames, room
from sandbox.chat import FINGERPRINT, copies, counted, limit, model_of, stops
from sandbox.manners import Manners, manners
from sandbox.room import Arrived, Reply
from sandbox.speech import JSON, Answer, Mistaken, Question, answer, second, seeded

UNLESS_TOLD = 16  # tokens
MOST_PROMPTS = 128  # OpenAI takes 2,048, for which nobody here has the time


def play(arrived: Arrived) -> Reply:
    body = arrived.fields()
    model, given = model_of(body), prompts(body.get("prompt", ""))
    told, _ = manners(model, "\n".join(given))
    echo = arrived.body.decode(errors="replace") if told.echo else ""
    asked = [question(body, prompt, echo) for prompt in given]
    head = opening(model, given)
    if body.get("stream"):
        broken = frames.data(errors.openai(500, errors.BROKEN))
        return room.stream(told, events(body, head, asked, told), broken)
    return room.whole(told, whole(body, head, asked, told))


def prompts(given: object) -> list[str]:
    """The prompts as texts: a text, texts, tokens or lists of tokens may be given. Tokens are words that
    nobody here can read, so a text as long stands for them."""
    match given:
        case str():
            return [given]
        case [int(), *_]:
            return [unread(given)]
        case [_, *_] if len(given) > MOST_PROMPTS:
            message = f"Invalid 'prompt': array too long. Expected at most {MOST_PROMPTS} items."
            raise Mistaken(message, param="prompt")
        case [_, *_]:
            return [one if isinstance(one, str) else unread(one) for one in given]
    return [""]


def unread(tokens: object) -> str:
    return "tkn " * len(tokens) if isinstance(tokens, list) else ""


def question(body: Mapping[str, Any], given: str, echo: str) -> Question:
    told, prompt = manners(model_of(body), given)
    most = limit(body, least=0)
    return Question(
        model=model_of(body),
        prompt=prompt,
        turns=1,
        characters=len(given),
        manners=told,
        limit=UNLESS_TOLD if most is None else most,
        stops=stops(body.get("stop")),
        body=echo,
    )


def opening(model: str, given: list[str]) -> JSON:
    seed = seeded(model, *given)
    return {"id": f"cmpl-{seed[:24]}", "object": "text_completion", "created": second(seed), "model": model}


def whole(body: Mapping[str, Any], head: JSON, asked: list[Question], told: Manners) -> JSON:
    choices: list[JSON] = []
    for question, said in each(body, asked):
        choices.append(choice(len(choices), before(body, question) + said.text, finish(said)))
    answered = head | {"system_fingerprint": FINGERPRINT, "choices": choices}
    return answered if told.no_usage else answered | {"usage": usage(body, asked)}


def each(body: Mapping[str, Any], asked: list[Question]) -> Iterator[tuple[Question, Answer]]:
    """Every choice there is to make, `n` of the first prompt first."""
    for question in asked:
        said = answer(question)
        for _ in range(copies(body)):
            yield question, said


def before(body: Mapping[str, Any], question: Question) -> str:
    return question.prompt if body.get("echo") is True else ""


def choice(index: int, text: str, finish_reason: str | None) -> JSON:
    return {"text": text, "index": index, "logprobs": None, "finish_reason": finish_reason}


def finish(said: Answer) -> str:
    return "length" if said.ending == "length" else "stop"


def usage(body: Mapping[str, Any], asked: list[Question]) -> JSON:
    said = [answer(question) for question in asked]
    prompt = sum(one.input for one in said)
    completion = sum(one.output for one in said) * copies(body)
    return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}


def events(body: Mapping[str, Any], head: JSON, asked: list[Question], told: Manners) -> Iterator[bytes]:
    """The answer as a stream, an event for each token and one for each end."""
    counts = counted(body) and not told.no_usage
    tail: JSON = {"model": head["model"], "system_fingerprint": FINGERPRINT}
    tail |= {"usage": None} if counts else {}
    head = {name: head[name] for name in ("id", "object", "created")}
    for index, (question, said) in enumerate(each(body, asked)):
        pieces = (before(body, question), *said.pieces)
        for piece in filter(None, pieces):
            yield frames.data(head | {"choices": [choice(index, piece, None)]} | tail)
        yield frames.data(head | {"choices": [choice(index, "", finish(said))]} | tail)
    if counts:
        yield frames.data(head | {"choices": []} | tail | {"usage": usage(body, asked)})
    yield b"data: [DONE]\n\n"
