-- /docs/script.js: fills the page from /openapi.json, and sends what is tried to this server. All that is
-- shown goes through textContent: nothing of the document becomes markup.
return [==[
'use strict';
const byId = (id) => document.getElementById(id);

function make(name, properties = {}, ...children) {
  const node = Object.assign(document.createElement(name), properties);
  node.append(...children);
  return node;
}

// Text in which `words` are code.
function prose(text) {
  return make('span', {}, ...text.split('`').map((part, i) => (i % 2 ? make('code', {}, part) : part)));
}

let api;

function resolve(it) {
  let found = it;
  while (found && found.$ref) {
    found = found.$ref.slice(2).split('/').reduce((at, key) => at[key], api);
  }
  return found;
}

function typeOf(schema) {
  const it = resolve(schema);
  if (it.anyOf) return it.anyOf.map(typeOf).join(' or ');
  const type = Array.isArray(it.type) ? it.type.join(' or ') : it.type || 'any';
  if (it.items) return `list of ${typeOf(it.items)}`;
  return it.format ? `${it.format} (${type})` : type;
}

function limitsOf(schema) {
  const it = resolve(schema);
  const said = [];
  if (it.enum) said.push(`one of ${it.enum.join(', ')}`);
  const least = it.minimum ?? it.minLength;
  const most = it.maximum ?? it.maxLength ?? it.maxItems;
  if (least !== undefined || most !== undefined) said.push(`${least ?? ''}…${most ?? ''}`);
  if (it.default !== undefined) said.push(`default ${it.default}`);
  return said.join('; ');
}

function row(name, schema, description, isRequired) {
  const said = [description || resolve(schema).description || '', limitsOf(schema)].filter(Boolean).join('; ');
  return make('tr', {},
    make('td', { className: 'name' }, name,
      isRequired ? make('span', { className: 'required', title: 'required' }, ' *') : ''),
    make('td', {}, typeOf(schema)),
    make('td', {}, prose(said)));
}

function tableOf(rows) {
  return make('table', {}, make('tbody', {}, ...rows));
}

// Fields of an object and of the objects in it, by their paths.
function fieldRows(schema, before = '', depth = 0) {
  const it = resolve(schema);
  const inner = it.items ? resolve(it.items) : it;
  const suffix = it.items ? '[]' : '';
  const rows = [];
  for (const [name, field] of Object.entries(inner.properties || {})) {
    const path = `${before}${suffix}${before || suffix ? '.' : ''}${name}`;
    rows.push(row(path, field, '', (inner.required || []).includes(name)));
    if (depth < 4) rows.push(...fieldRows(field, path, depth + 1));
  }
  return rows;
}

// A body to begin with: what is required, and what has a default.
function sampleOf(schema) {
  const it = resolve(schema);
  if (it.default !== undefined) return it.default;
  if (it.enum) return it.enum[0];
  if (it.type === 'object') {
    const made = {};
    for (const name of it.required || []) made[name] = sampleOf(it.properties[name]);
    return made;
  }
  return { array: [], string: '', integer: 0, number: 0, boolean: false }[it.type] ?? null;
}

async function send(method, path, operation, inputs, body, output) {
  const headers = {};
  const query = new URLSearchParams();
  let target = path;
  for (const { parameter, input } of inputs) {
    if (input.value === '') continue;
    if (parameter.in === 'path') target = target.replace(`{${parameter.name}}`, encodeURIComponent(input.value));
    if (parameter.in === 'query') query.set(parameter.name, input.value);
    if (parameter.in === 'header') headers[parameter.name] = input.value;
  }
  if (byId('token').value) headers.Authorization = `Bearer ${byId('token').value}`;
  if (body) headers['Content-Type'] = 'application/json';
  if ([...query].length > 0) target += `?${query}`;
  output.textContent = `${method.toUpperCase()} ${target} …`;
  try {
    const answer = await fetch(target, { method, headers, body: body ? body.value : undefined });
    const text = await answer.text();
    let shown = text;
    try { shown = JSON.stringify(JSON.parse(text), null, 2); } catch { /* not JSON */ }
    const told = [...answer.headers].map(([name, value]) => `${name}: ${value}`).join('\n');
    output.textContent = [`${method.toUpperCase()} ${target}`, '', `${answer.status} ${answer.statusText}`, told, '',
      shown].join('\n');
  } catch (error) {
    output.textContent = `${method.toUpperCase()} ${target}\n\nno answer: ${error.message}`;
  }
}

function tryOut(method, path, operation) {
  const inputs = (operation.parameters || []).map((it) => {
    const parameter = resolve(it);
    return { parameter, input: make('input', { placeholder: parameter.required ? 'required' : '' }) };
  });
  const json = operation.requestBody && operation.requestBody.content['application/json'];
  const body = json && make('textarea', { value: JSON.stringify(sampleOf(json.schema), null, 2), spellcheck: false });
  const output = make('pre', { hidden: true });
  const form = make('form', {},
    ...inputs.map(({ parameter, input }) => make('p', {}, make('label', {}, `${parameter.name} `, input))),
    body ? make('p', {}, make('label', {}, 'body ', body)) : '',
    make('button', { type: 'submit' }, 'Send'), output);
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    output.hidden = false;
    send(method, path, operation, inputs, body, output);
  });
  return form;
}

function responsesOf(operation) {
  return tableOf(Object.entries(operation.responses).map(([status, it]) => {
    const response = resolve(it);
    const types = Object.keys(response.content || {}).join(', ');
    return make('tr', {}, make('td', { className: 'name' }, status), make('td', {}, prose(response.description)),
      make('td', {}, types));
  }));
}

function filled(method, path, operation) {
  const parts = [make('p', {}, prose(operation.description || ''))];
  const parameters = (operation.parameters || []).map(resolve);
  if (parameters.length > 0) {
    parts.push(make('h4', {}, 'Parameters'),
      tableOf(parameters.map((it) => row(`${it.name} (${it.in})`, it.schema, it.description, it.required))));
  }
  const body = operation.requestBody && operation.requestBody.content['application/json'];
  if (body) parts.push(make('h4', {}, 'Body'), tableOf(fieldRows(body.schema)));
  parts.push(make('h4', {}, 'Answers'), responsesOf(operation));
  for (const [status, it] of Object.entries(operation.responses)) {
    const content = (resolve(it).content || {})['application/json'];
    if (content) parts.push(make('h4', {}, `Fields of ${status}`), tableOf(fieldRows(content.schema)));
  }
  parts.push(make('h4', {}, 'Try it'), tryOut(method, path, operation));
  return make('div', {}, ...parts);
}

function operationNode(method, path, operation) {
  const node = make('details', { className: 'operation', id: operation.operationId },
    make('summary', {}, make('span', { className: 'method' }, method.toUpperCase()),
      make('span', { className: 'path' }, path), make('span', { className: 'summary' }, operation.summary)));
  node.dataset.words = `${method} ${path} ${operation.summary}`.toLowerCase();
  node.addEventListener('toggle', () => {
    if (node.open && node.children.length === 1) node.append(filled(method, path, operation));
  });
  return node;
}

function sections() {
  const byTag = new Map(api.tags.map((tag) => [tag.name, []]));
  for (const [path, operations] of Object.entries(api.paths)) {
    for (const [method, operation] of Object.entries(operations)) {
      byTag.get(operation.tags[0]).push(operationNode(method, path, operation));
    }
  }
  return [...byTag].map(([tag, nodes]) => make('section', { id: `tag-${tag}` }, make('h2', {}, tag), ...nodes));
}

function filter() {
  const words = byId('filter').value.toLowerCase().split(/\s+/).filter(Boolean);
  for (const node of document.querySelectorAll('details.operation')) {
    node.hidden = !words.every((word) => node.dataset.words.includes(word));
  }
  for (const section of document.querySelectorAll('section')) {
    section.hidden = !section.querySelector('details.operation:not([hidden])');
  }
}

async function start() {
  byId('credentials').addEventListener('submit', (event) => event.preventDefault());
  byId('filter').addEventListener('input', filter);
  try {
    api = await (await fetch('/openapi.json')).json();
  } catch (error) {
    byId('operations').textContent = `openapi.json could not be read: ${error.message}`;
    return;
  }
  document.title = byId('title').textContent = api.info.title;
  byId('about').replaceChildren(prose(api.info.description));
  byId('tags').replaceChildren(...api.tags.map((tag) => make('a', { href: `#tag-${tag.name}` }, tag.name)));
  byId('operations').replaceChildren(...sections());
  const named = location.hash && byId(decodeURIComponent(location.hash.slice(1)));
  if (named) {
    named.open = true;
    named.scrollIntoView();
  }
}

start();
]==]
