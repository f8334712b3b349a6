"use strict";

const byId = (id) => document.getElementById(id);
const tables = [...document.querySelectorAll("table[data-rows]")];
const LOG_LINES = 50;

let shown = null;       // the newest view, as it came
let paused = false;
let healths = new Map();  // key of a workload -> its health, to notice changes

// Text is set only where it changed: screen readers and selections stay where they are.
const setText = (element, text) => { if (element.textContent !== text) element.textContent = text; };

const setState = (state, text) => {
  byId("status").dataset.state = state;
  setText(byId("status"), text);
  document.body.toggleAttribute("data-stale", state === "broken" || state === "paused");
};

const columns = (table) => [...table.tHead.rows[0].cells].map((head) => ({
  field: head.dataset.field,
  label: head.textContent,
  isHead: "head" in head.dataset,
  isNumber: head.classList.contains("number"),
}));

const newRow = (key, cells) => {
  const row = document.createElement("tr");
  row.setAttribute("role", "row");
  row.dataset.key = key;
  for (const column of cells) {
    const cell = document.createElement(column.isHead ? "th" : "td");
    cell.setAttribute("role", column.isHead ? "rowheader" : "cell");
    if (column.isHead) cell.scope = "row";
    if (column.isNumber) cell.className = "number";
    cell.dataset.field = column.field;
    cell.dataset.label = column.label;
    row.append(cell);
  }
  return row;
};

const emptyRow = (text, width) => {
  const row = document.createElement("tr");
  row.setAttribute("role", "row");
  row.className = "empty";
  const cell = row.insertCell();
  cell.setAttribute("role", "cell");
  cell.colSpan = width;
  cell.textContent = text;
  return row;
};

// Rows keep their elements as long as their key stays, in the order of the view.
const fill = (table, rows) => {
  const body = table.tBodies[0];
  const cells = columns(table);
  const old = new Map([...body.rows].filter((row) => row.dataset.key).map((row) => [row.dataset.key, row]));
  const wanted = rows.map((values) => {
    const row = old.get(values.key) ?? newRow(values.key, cells);
    row.dataset.health = values.health ?? "";
    for (const cell of row.cells) {
      setText(cell, values[cell.dataset.field]);
      cell.title = values.full?.[cell.dataset.field] ?? "";
    }
    return row;
  });
  if (!wanted.length) wanted.push(body.querySelector(".empty") ?? emptyRow(table.dataset.empty, cells.length));
  if (wanted.some((row, place) => body.rows[place] !== row)) body.replaceChildren(...wanted);
  else while (body.rows.length > wanted.length) body.deleteRow(-1);
};

const namespacesOf = (row) => row.namespaces ?? [row.namespace];

const offerNamespaces = (view) => {
  const select = byId("namespace");
  const all = new Set([...view.workloads, ...view.edges].flatMap(namespacesOf).filter(Boolean));
  if (select.value) all.add(select.value);
  const names = [...all].sort();
  const offered = [...select.options].slice(1).map((option) => option.value);
  if (names.join() === offered.join()) return;
  const chosen = select.value;
  select.replaceChildren(select.options[0], ...names.map((name) => new Option(name, name)));
  select.value = chosen;
};

const logChanges = (view) => {
  for (const { key, health, success } of view.workloads) {
    const before = healths.get(key);
    healths.set(key, health === "idle" ? before ?? health : health);
    if (before === undefined || before === "idle" || health === "idle" || before === health) continue;
    const line = document.createElement("li");
    line.textContent = `${new Date().toLocaleTimeString()}: ${key} went from ${before} to ${health}, success ${success}`;
    byId("log").prepend(line);
    byId("quiet").hidden = true;
    while (byId("log").children.length > LOG_LINES) byId("log").lastChild.remove();
  }
};

const draw = () => {
  if (!shown) return;
  const only = byId("namespace").value;
  offerNamespaces(shown);
  for (const table of tables) {
    fill(table, shown[table.dataset.rows].filter((row) => !only || namespacesOf(row).includes(only)));
  }
  byId("notes").hidden = !shown.notes.length;
  byId("notes").replaceChildren(...shown.notes.map((text) => {
    const line = document.createElement("li");
    line.textContent = text;
    return line;
  }));
  setText(byId("window"), `in the last ${shown.seconds.toFixed(1)} s`);
};

const take = ({ problem, view }) => {
  if (view) {
    shown = view;
    if (!problem) logChanges(view);
  }
  if (problem) setState("broken", `not live: ${problem}`);
  else if (view) setState("live", "live");
  draw();
};

const listen = () => {
  const stream = new EventSource("events");
  stream.onmessage = (message) => { if (!paused) take(JSON.parse(message.data)); };
  stream.onerror = () => {
    if (!paused) setState("broken", "not live: the dashboard does not answer");
    // A browser gives up for good on any answer that is no stream, such as the ingress's own 503.
    if (stream.readyState === EventSource.CLOSED) setTimeout(listen, 1000);
  };
};

byId("pause").addEventListener("click", () => {
  paused = !paused;
  byId("pause").setAttribute("aria-pressed", String(paused));
  if (paused) setState("paused", "paused");
  else setState("wait", "waiting for the next readings");
});

byId("namespace").addEventListener("change", () => {
  history.replaceState(null, "", byId("namespace").value ? `#${byId("namespace").value}` : location.pathname);
  draw();
});

const asked = decodeURIComponent(location.hash.slice(1));
if (/^[a-z0-9-]+$/.test(asked) && !byId(asked)) {
  byId("namespace").append(new Option(asked, asked));
  byId("namespace").value = asked;
}
listen();
