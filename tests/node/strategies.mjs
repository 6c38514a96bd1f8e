// Portkey's SDK and configs: each example is asked for in every way a config can be given. What is to be
// played comes by standard input, what came of it goes to standard output (tests/test_sdk_configs.py).
import { readFileSync } from "node:fs";

import OpenAI from "openai";
import { createHeaders, Portkey } from "portkey-ai";

import { heard } from "./hearing.mjs";

const { baseURL, apiKey, other, examples } = JSON.parse(readFileSync(0, "utf8"));

// From an example to what the client is told, and what the call is told in its place.
const WAYS = {
  object: ({ config, told }) => [{ config, ...told }],
  text: ({ config, told }) => [{ config: JSON.stringify(config), ...told }],
  call: ({ config, told }) => [{ config: other }, { config, ...told }],
  saved: ({ slug, told }) => [{ config: slug, ...told }],
};

const played = await Promise.all(
  Object.entries(examples).map(async ([name, example]) => [name, await play(example)]),
);
process.stdout.write(JSON.stringify(Object.fromEntries(played)));

// One way after the other, since some providers remember.
async function play(example) {
  const came = {};
  for (const way of example.ways) {
    const traceID = `${example.trace}-${way}`;
    came[way] = await heard(() => (way === "openai" ? asOpenAI : asPortkey)(example, way, traceID));
  }
  return came;
}

function asPortkey(example, way, traceID) {
  const [client, call] = WAYS[way](example);
  const portkey = new Portkey({ baseURL, apiKey, traceID, ...client });
  return portkey.chat.completions.create(example.body, call, { extraHeaders: example.headers });
}

// OpenAI's SDK, with the headers that Portkey's makes.
async function asOpenAI({ config, body, told, headers }, way, traceID) {
  const defaultHeaders = { ...createHeaders({ apiKey, config, traceID, ...told }), ...headers };
  const openai = new OpenAI({ baseURL, apiKey, defaultHeaders, maxRetries: 0 });
  const { data, response } = await openai.chat.completions.create(body).withResponse();
  return Object.assign(data, { response });
}
