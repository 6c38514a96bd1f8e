// Portkey's SDK, with nothing but the base URL changed.
import { Portkey } from "portkey-ai";

import { run } from "./scenarios.mjs";

const { baseURL } = JSON.parse(process.argv[2]);

await run((apiKey, virtualKey) => new Portkey({ baseURL, apiKey, virtualKey }));
