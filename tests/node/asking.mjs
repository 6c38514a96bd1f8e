// What scenarios ask with.

export const user = (content) => ({ role: "user", content });

export const tool = (name) => ({
  type: "function",
  function: {
    name,
    parameters: { type: "object", properties: { city: { type: "string" } }, required: ["city"] },
  },
});

export const WEATHER = tool("get_weather");

export async function collect(stream) {
  const chunks = [];
  for await (const chunk of stream) chunks.push(chunk);
  return chunks;
}

// What `asked` failed with; null if it did not.
export async function failure(asked) {
  try {
    const answer = await asked();
    if (answer[Symbol.asyncIterator]) await collect(answer);
  } catch (error) {
    return { name: error.constructor.name, status: error.status ?? null, message: error.message };
  }
  return null;
}
