// What either SDK is asked to do; its answers go to standard output as one JSON object, by virtual key,
// and tests/test_sdk_node.py says what they must be. A client is anything with `chat.completions.create`.
import { attachments, fitting, lists, texts, thinking, tools, vectors } from "./universal.mjs";
import { collect, failure, user, WEATHER } from "./asking.mjs";
import { passing } from "./passing.mjs";

const STRANGER = "gh-" + "x".repeat(43);

// `make(key, virtualKey)` gives a client. What is asked of each virtual key stands in the first argument.
export async function run(make) {
  const { apiKey, keys } = JSON.parse(process.argv[2]);
  const told = {};
  await Promise.all(
    Object.entries(keys).map(async ([virtualKey, asked]) => {
      told[virtualKey] = await play(make(apiKey, virtualKey), make(STRANGER, virtualKey), asked);
    }),
  );
  process.stdout.write(JSON.stringify(told));
}

async function play(client, stranger, asked) {
  return {
    ...(await chat(client, stranger, asked.model)),
    texts: await texts(client, asked.texts),
    tools: await tools(client, asked.model),
    attachments: await attachments(client, asked.model),
    fitting: await fitting(client, asked.model),
    thinking: await thinking(client, asked.thinker),
    lists: await lists(client),
    vectors: await vectors(client),
    passing: asked.passes ? await passing(client) : null,
  };
}

async function chat(client, stranger, model) {
  const create = (body, to = client) => to.chat.completions.create({ model, ...body });
  const counting = { messages: [user("Count slowly [[events 12]]")] };
  const asking = { messages: [user("Use the tool get_weather for Berlin")], tools: [WEATHER] };
  const calling = await create(asking);
  const [call] = calling.choices[0].message.tool_calls;
  const answered = [
    ...asking.messages,
    { role: "assistant", content: null, tool_calls: [call] },
    { role: "tool", tool_call_id: call.id, content: "rain, 12 degrees" },
  ];
  const told = {
    whole: await create({ messages: [user("Hello there")] }),
    counted: await create(counting),
    streamed: await collect(await create({ ...counting, stream: true })),
    calling,
    callingStreamed: await collect(await create({ ...asking, stream: true })),
    concluded: await create({ messages: answered, tools: [WEATHER] }),
    failures: {},
    stranger: await failure(() => create({ messages: [user("Hello")] }, stranger)),
  };
  for (const status of [400, 401, 429, 500]) {
    const body = { messages: [user(`[[status ${status}]]`)] };
    told.failures[status] = await failure(() => create(body));
    told.failures[`${status} streamed`] = await failure(() => create({ ...body, stream: true }));
  }
  return told;
}
