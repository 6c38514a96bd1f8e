// What goes to every provider in one form: text completions, tools, attachments, schemas, thinking,
// embeddings and lists of models.
import { collect, failure, tool, user, WEATHER } from "./asking.mjs";

const BOTH = { messages: [user("Use both tools for Berlin")], tools: [WEATHER, tool("get_time")] };
const CITY = {
  type: "object",
  properties: { name: { type: "string" }, people: { type: "integer" } },
  required: ["name", "people"],
  additionalProperties: false,
};

// As documented; `asked` is an object for each model.
export async function texts(client, asked) {
  const told = {};
  for (const { model, ...more } of asked) {
    const body = { prompt: "Say this is a test", model, ...more };
    const whole = await client.completions.create(body);
    told[model] = { whole, chunks: await collect(await client.completions.create({ ...body, stream: true })) };
  }
  return told;
}

export async function tools(client, model) {
  const create = (body) => client.chat.completions.create({ model, ...BOTH, ...body });
  return {
    whole: await create({}),
    chunks: await collect(await create({ stream: true })),
    forced: await create({ tool_choice: { type: "function", function: { name: "get_time" } } }),
    forbidden: await create({ tool_choice: "none" }),
  };
}

export async function attachments(client, model) {
  const picture = `data:image/png;base64,${Buffer.alloc(68).toString("base64")}`;
  const paper = `data:application/pdf;base64,${Buffer.alloc(58).toString("base64")}`;
  const content = [
    { type: "text", text: "Look" },
    { type: "image_url", image_url: { url: "https://example.com/a.png" } },
    { type: "image_url", image_url: { url: picture } },
    { type: "file", file: { filename: "a.pdf", file_data: paper } },
  ];
  return client.chat.completions.create({ model, messages: [user(content)] });
}

export async function fitting(client, model) {
  const json_schema = { name: "city", strict: true, schema: CITY };
  const response_format = { type: "json_schema", json_schema };
  return client.chat.completions.create({ model, messages: [user("Berlin")], response_format });
}

export async function thinking(client, model) {
  const body = { model, messages: [user("Think")], reasoning_effort: "low", stream_options: { include_usage: true } };
  return collect(await client.chat.completions.create({ ...body, stream: true }));
}

// A provider that offers none fails.
export async function vectors(client) {
  const body = { model: "text-embedding-3-small", input: ["Hello", "there"], dimensions: 8 };
  const told = {};
  const create = (more) => async () => (told[more.encoding_format ?? ""] = await client.embeddings.create({ ...body, ...more }));
  told.failure = (await failure(create({}))) ?? (await failure(create({ encoding_format: "float" })));
  return told;
}

export async function lists(client) {
  const { data } = await client.models.list();
  return data.map(({ id, object }) => ({ id, object }));
}
