// What either SDK is asked to do; its answers go to standard output as one JSON object, and
// tests/test_sdk_node.py says what they must be. A client is anything with `chat.completions.create`.

const user = (content) => ({ role: "user", content });
const WEATHER = {
  type: "function",
  function: {
    name: "get_weather",
    parameters: { type: "object", properties: { city: { type: "string" } }, required: ["city"] },
  },
};

export async function run(client, stranger, model) {
  const create = (body, to = client) => to.chat.completions.create({ model, ...body });
  const collect = async (stream) => {
    const chunks = [];
    for await (const chunk of stream) chunks.push(chunk);
    return chunks;
  };
  const failure = async (asked) => {
    try {
      const answer = await asked();
      if (answer[Symbol.asyncIterator]) await collect(answer);
    } catch (error) {
      return { name: error.constructor.name, status: error.status ?? null, message: error.message };
    }
    return null;
  };

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
  process.stdout.write(JSON.stringify(told));
}
