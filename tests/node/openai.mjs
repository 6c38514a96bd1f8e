// OpenAI's SDK: the gateway's key as its API key, the virtual key in a header.
import OpenAI from "openai";

import { run } from "./scenarios.mjs";

const { baseURL } = JSON.parse(process.argv[2]);

await run((apiKey, virtualKey) => {
  return new OpenAI({ baseURL, apiKey, maxRetries: 0, defaultHeaders: { "x-portkey-virtual-key": virtualKey } });
});
