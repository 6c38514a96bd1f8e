// OpenAI's SDK: the gateway's key as its API key, the virtual key in a header.
import OpenAI from "openai";

import { run } from "./scenarios.mjs";

const { baseURL, apiKey, virtualKey, model } = JSON.parse(process.argv[2]);
const make = (key) =>
  new OpenAI({ baseURL, apiKey: key, maxRetries: 0, defaultHeaders: { "x-portkey-virtual-key": virtualKey } });

await run(make(apiKey), make("gh-" + "x".repeat(43)), model);
