// The page of /docs/: shows the description of the API and sends what is typed into it.
// Whatever a description, a provider or a model wrote is shown as text, never as HTML.
"use strict";

const list = document.getElementById("operations");
const apiKey = document.getElementById("api-key");

show();

async function show() {
  const api = await (await fetch(list.dataset.description)).json();
  document.getElementById("about").append(...paragraphs(api.info.description));
  for (const [path, methods] of Object.entries(api.paths))
    for (const [method, operation] of Object.entries(methods)) list.append(section(api, path, method, operation));
  list.querySelector("details").open = true;
}

function section(api, path, method, operation) {
  const parameters = (operation.parameters ?? []).map((given) => resolve(api, given));
  const inputs = new Map(parameters.map((parameter) => [parameter.name, element("input", { type: "text" })]));
  const content = Object.values(operation.requestBody?.content ?? {})[0];
  const body = content && element("textarea", { spellcheck: false, name: "body" });
  const answer = element("pre", { hidden: true, className: "answer" });
  const queried = new Set(parameters.filter((parameter) => parameter.in === "query").map(({ name }) => name));
  const ask = () => request(api, path, method, operation, inputs, queried, body);

  const shown = element("details", { className: "operation" });
  shown.append(
    element("summary", {}, element("span", { className: "method" }, method.toUpperCase()), element("code", {}, path)),
    ...paragraphs(operation.summary),
  );
  if (content) shown.append(...examples(content.examples ?? {}, body), element("label", {}, "Body", body));
  if (parameters.length) shown.append(fold("Parameters", headersTable(parameters, inputs)));
  shown.append(
    button("Send", () => send(ask(), answer)),
    button("Show as curl", () => write(answer, curl(ask()))),
    answer,
    fold("Answers", answersTable(operation.responses)),
  );
  return shown;
}

function request(api, path, method, operation, inputs, queried, body) {
  const headers = {};
  const query = new URLSearchParams();
  if ((operation.security ?? api.security).length && apiKey.value) headers["x-portkey-api-key"] = apiKey.value.trim();
  for (const [name, input] of inputs)
    if (path.includes(`{${name}}`)) path = path.replace(`{${name}}`, encodeURI(input.value));
    else if (input.value && queried.has(name)) query.set(name, input.value);
    else if (input.value) headers[name] = input.value;
  if (body) headers["content-type"] = "application/json";
  const url = new URL(path, location.origin);
  if (query.size) url.search = query;
  return { url: url.href, method: method.toUpperCase(), headers, body: body?.value };
}

async function send({ url, ...options }, answer) {
  write(answer, "…");
  try {
    const response = await fetch(url, { ...options, credentials: "omit" });
    const ours = [...response.headers].filter(([name]) => name.startsWith("x-portkey") || name === "content-type");
    write(answer, `${response.status} ${response.statusText}\n`);
    for (const [name, value] of ours) answer.append(`${name}: ${value}\n`);
    answer.append("\n");
    const pieces = response.body.pipeThrough(new TextDecoderStream()).getReader();
    for (let piece = await pieces.read(); !piece.done; piece = await pieces.read()) answer.append(piece.value);
  } catch (error) {
    answer.append(`\n${error}`);
  }
}

function curl({ url, method, headers, body }) {
  const quoted = (text) => `'${text.replaceAll("'", `'\\''`)}'`;
  const parts = [`curl ${quoted(url)}`];
  if (method !== "GET" && method !== "POST") parts.push(`-X ${method}`);
  for (const [name, value] of Object.entries(headers)) parts.push(`-H ${quoted(`${name}: ${value}`)}`);
  if (body) parts.push(`-d ${quoted(body)}`);
  return parts.join(" \\\n  ");
}

function examples(given, body) {
  const choice = element("select", { name: "example" });
  for (const [name, example] of Object.entries(given))
    choice.append(element("option", { value: name }, example.summary ?? name));
  const take = () => (body.value = JSON.stringify(given[choice.value]?.value ?? {}, null, 2));
  choice.addEventListener("change", take);
  take();
  return choice.options.length > 1 ? [element("label", {}, "Example", choice)] : [];
}

function headersTable(parameters, inputs) {
  return table(parameters.map(({ name, description }) => [
    element("code", {}, name), element("span", {}, ...marked(description)), inputs.get(name),
  ]));
}

function answersTable(responses) {
  return table(Object.entries(responses).map(([status, { description }]) => [
    element("code", {}, status), element("span", {}, ...marked(description)),
  ]));
}

function table(rows) {
  return element("table", {}, ...rows.map((cells) => element("tr", {}, ...cells.map((cell) => element("td", {}, cell)))));
}

function fold(title, ...content) {
  return element("details", {}, element("summary", { className: "quiet" }, title), ...content);
}

function button(title, action) {
  const made = element("button", { type: "button" }, title);
  made.addEventListener("click", action);
  return made;
}

function resolve(api, given) {
  return given.$ref ? given.$ref.slice(2).split("/").reduce((part, name) => part[name], api) : given;
}

function paragraphs(text) {
  return (text ?? "").split("\n\n").map((part) => element("p", {}, ...marked(part)));
}

// `code` and *stress*, which is all the descriptions use of Markdown.
function marked(text) {
  return text.split(/(`[^`]+`|\*[^*]+\*)/).map((part) => {
    if (part.startsWith("`")) return element("code", {}, part.slice(1, -1));
    return part.startsWith("*") ? element("em", {}, part.slice(1, -1)) : part;
  });
}

function write(target, text) {
  target.hidden = false;
  target.textContent = text;
}

function element(tag, properties, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}
