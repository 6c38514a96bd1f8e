// What passes through to a provider that speaks like OpenAI, in its own words.
import { collect, failure } from "./asking.mjs";

export async function passing(client) {
  const sound = await client.audio.speech.create({ model: "tts-1", voice: "alloy", input: "Hello" });
  const kept = await client.files.create({ file: new File(["{}\n"], "a.jsonl"), purpose: "batch" });
  const content = await client.files.content(kept.id);
  const asked = { model: "gpt-4o-mini", input: "Hello" };
  return {
    image: await client.images.generate({ model: "gpt-image-1", prompt: "A cat" }),
    sound: (await sound.arrayBuffer()).byteLength,
    moderated: await client.moderations.create({ model: "omni-moderation-latest", input: "Good morning" }),
    kept,
    content: content.text ? await content.text() : null, // Portkey's SDK loses what a file holds
    deleted: await client.files.delete(kept.id),
    missing: await failure(() => client.files.content("nothing")),
    response: await client.responses.create(asked),
    events: (await collect(await client.responses.create({ ...asked, stream: true }))).map(({ type }) => type),
  };
}
