// Portkey's SDK and saved configs: made, listed, retrieved, changed, deleted.
import { Portkey } from "portkey-ai";

const { baseURL, apiKey, one, two } = JSON.parse(process.argv[2]);
const { configs } = new Portkey({ baseURL, apiKey });

const made = await configs.create({ name: "From Node", config: two, isDefault: 0 });
const { slug } = made;
const listed = await configs.list();
const retrieved = await configs.retrieve({ slug });
const changed = await configs.update({ slug, name: "Renamed", config: one });
const after = await configs.retrieve({ slug });
let wrong = null;
try {
  await configs.update({ slug, config: { strategy: { mode: "none" }, targets: [] } });
} catch (error) {
  wrong = { status: error.status ?? null, message: error.message };
}
const deleted = await configs.delete({ slug });
console.log(JSON.stringify({ made, listed, retrieved, changed, after, wrong, deleted }));
