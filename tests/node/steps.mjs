// Portkey's SDK, one call after the other, each told its config and more besides. One that is to have a cache
// status is asked until it has, or its tries are over (tests/sdk_playing.py).
import { readFileSync } from "node:fs";

import { Portkey } from "portkey-ai";

import { heard } from "./hearing.mjs";

const { baseURL, apiKey, steps } = JSON.parse(readFileSync(0, "utf8"));

const played = [];
for (const { trace, told, body, awaited, tries } of steps) {
  let came;
  for (let number = 0; number < tries; number += 1) {
    const portkey = new Portkey({ baseURL, apiKey, traceID: `${trace}-${number}` });
    came = await heard(() => portkey.chat.completions.create(body, told));
    if (!awaited || came.headers["cache-status"] === awaited) break;
  }
  played.push(came);
}
process.stdout.write(JSON.stringify(played));
