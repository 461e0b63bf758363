// Shows the server's own OpenAPI document. Everything goes into the page as text, never as markup.
const make = (tag, className, text) => {
  const element = document.createElement(tag);
  if (className) element.className = className;
  if (text !== undefined) element.textContent = text;
  return element;
};

const schemaName = (schema) => {
  if (!schema) return "";
  if (schema.$ref) return schema.$ref.split("/").pop();
  if (schema.type === "array") return `${schemaName(schema.items)}[]`;
  if (schema.oneOf) return schema.oneOf.map(schemaName).join(" | ");
  return [].concat(schema.type ?? "object").join(" | ");
};

const bodyOf = (content) => {
  const [type, media] = Object.entries(content ?? {})[0] ?? [];
  return media ? `${schemaName(media.schema)} (${type})` : "";
};

const table = (heads, rows) => {
  const element = make("table");
  const head = element.createTHead().insertRow();
  for (const text of heads) head.append(make("th", "", text));
  const body = element.createTBody();
  for (const cells of rows) {
    const row = body.insertRow();
    for (const text of cells) row.insertCell().textContent = text ?? "";
  }
  return element;
};

const schemaText = (api, schema) => {
  const name = schema?.$ref?.split("/").pop();
  return name ? JSON.stringify(api.components.schemas[name], null, 2) : JSON.stringify(schema, null, 2);
};

const operation = (api, path, method, details) => {
  const element = make("details");
  const summary = make("summary");
  summary.append(make("span", "method", method.toUpperCase()), make("span", "path", path), make("span", "words", details.summary));
  const inside = make("div", "inside");
  if (details.description) inside.append(make("p", "", details.description));
  if (details.parameters?.length) {
    inside.append(table(["Parameter", "In", "Type", ""], details.parameters.map((p) => [p.name, p.in, schemaName(p.schema), p.description])));
  }
  if (details.requestBody) inside.append(make("p", "", `Body: ${bodyOf(details.requestBody.content)}`));
  inside.append(table(["Status", "Answer", ""], Object.entries(details.responses).map(([status, r]) => [status, bodyOf(r.content), r.description])));
  const shown = Object.values(details.responses).map((r) => Object.values(r.content ?? {})[0]?.schema).find(Boolean);
  element.addEventListener("toggle", () => {
    if (shown && !inside.querySelector("pre")) inside.append(make("pre", "", schemaText(api, shown)));
  });
  element.append(summary, inside);
  element.dataset.words = `${method} ${path} ${details.summary ?? ""} ${details.description ?? ""}`.toLowerCase();
  return element;
};

const show = (api) => {
  document.getElementById("about").textContent = `Version ${api.info.version}. ${api.info.description}`;
  const areas = new Map();
  for (const [path, methods] of Object.entries(api.paths)) {
    for (const [method, details] of Object.entries(methods)) {
      const tag = details.tags?.[0] ?? "other";
      if (!areas.has(tag)) areas.set(tag, []);
      areas.get(tag).push(operation(api, path, method, details));
    }
  }
  const main = document.getElementById("areas");
  for (const [tag, operations] of [...areas].sort()) {
    const section = make("section");
    section.append(make("h2", "", tag), ...operations);
    main.append(section);
  }
  document.getElementById("filter").addEventListener("input", (event) => {
    const words = event.target.value.toLowerCase();
    for (const section of main.children) {
      let any = false;
      for (const item of section.querySelectorAll("details")) {
        item.hidden = !item.dataset.words.includes(words);
        any ||= !item.hidden;
      }
      section.hidden = !any;
    }
  });
};

fetch("/api/openapi.json")
  .then((response) => response.json())
  .then(show)
  .catch((error) => {
    document.getElementById("about").textContent = `The document could not be loaded: ${error.message}`;
  });
