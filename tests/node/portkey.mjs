// Portkey's SDK, with nothing but the base URL changed.
import { Portkey } from "portkey-ai";

import { run } from "./scenarios.mjs";

const { baseURL, apiKey, virtualKey, model } = JSON.parse(process.argv[2]);
const make = (key) => new Portkey({ baseURL, apiKey: key, virtualKey });

await run(make(apiKey), make("gh-" + "x".repeat(43)), model);
