// What came of a chat call through an SDK, in one form: tests/sdk_playing.py has the same for Python.
import { collect } from "./asking.mjs";

const PREFIX = "x-portkey-";

export async function heard(asked) {
  const came = { status: 200, headers: {}, text: "", finish: "" };
  try {
    const answer = await asked();
    came.headers = answer.getHeaders ? answer.getHeaders() : withoutPrefix(answer.response.headers);
    const choices = answer.choices ?? (await collect(answer)).flatMap((chunk) => chunk.choices);
    came.text = choices.map(({ message, delta }) => (message ?? delta).content ?? "").join("");
    came.finish = choices.find(({ finish_reason }) => finish_reason)?.finish_reason ?? "";
  } catch (error) {
    const told = `${error.message} ${JSON.stringify(error.error ?? "")}`; // as Python's message has it
    Object.assign(came, { error: error.constructor.name, text: told });
    if (error.status) Object.assign(came, { status: error.status, headers: withoutPrefix(error.headers) });
  }
  return came;
}

function withoutPrefix(headers) {
  const pairs = headers.entries ? [...headers.entries()] : Object.entries(headers);
  return Object.fromEntries(pairs.map(([name, value]) => [name.replace(PREFIX, ""), value]));
}
