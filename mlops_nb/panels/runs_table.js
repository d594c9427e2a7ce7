// The live table of runs. All text goes through textContent: what users named is never markup.
function element(tag, text, properties = {}) {
  const made = document.createElement(tag);
  if (text !== undefined) made.textContent = text;
  for (const [name, value] of Object.entries(properties)) made.setAttribute(name, value);
  return made;
}

function header(model, view, column) {
  const cell = element("th", undefined, { scope: "col" });
  if (!column.key) {
    cell.textContent = column.label;
    return cell;
  }
  const sorted = view.sort === column.key ? "ascending" : view.sort === `-${column.key}` ? "descending" : "none";
  cell.setAttribute("aria-sort", sorted);
  const arrow = { ascending: " ▲", descending: " ▼", none: "" }[sorted];
  const button = element("button", column.label + arrow, { type: "button", title: `Sort by ${column.label}` });
  button.dataset.focus = `sort:${column.key}`;
  // The second click of a double click has detail 2; from the keyboard it is 0.
  button.addEventListener("click", (event) => { if (event.detail < 2) model.send({ do: "sort", key: column.key }); });
  cell.append(button);
  if (column.right) cell.className = "right";
  return cell;
}

function row(model, view, record) {
  const made = element("tr", undefined, { tabindex: "0", "data-run": record.id });
  made.dataset.focus = `row:${record.id}`;
  if (record.id === view.open) made.setAttribute("aria-current", "true");
  const open = () => model.send({ do: "open", id: record.id });
  made.addEventListener("click", (event) => { if (event.target !== box && event.detail < 2) open(); });
  made.addEventListener("keydown", (event) => {
    if (event.target !== made) return;
    if (event.key === "Enter") { event.preventDefault(); event.stopPropagation(); open(); }
    if (event.key === " ") { event.preventDefault(); event.stopPropagation(); box.click(); }
  });
  const box = element("input", undefined, { type: "checkbox", "aria-label": `Tick run ${record.id} to compare` });
  box.checked = view.ticked.includes(record.id);
  box.dataset.focus = `tick:${record.id}`;
  box.addEventListener("change", () => model.send({ do: "tick", id: record.id, on: box.checked }));
  const first = element("td");
  first.append(box);
  made.append(first);
  record.cells.forEach((text, place) => {
    const column = view.columns[place];
    const cell = place === 0 ? element("th", text, { scope: "row" }) : element("td", text);
    if (record.hover[place]) cell.title = record.hover[place];
    if (column.right) cell.className = "right";
    made.append(cell);
  });
  return made;
}

function pager(model, view) {
  const made = element("div", undefined, { class: "pager" });
  const steps = [["Previous ten", view.page - 1, view.page > 0], ["Next ten", view.page + 1, view.page + 1 < view.pages]];
  for (const [label, page, enabled] of steps) {
    const button = element("button", label, { type: "button" });
    button.disabled = !enabled;
    button.dataset.focus = label;
    button.addEventListener("click", () => model.send({ do: "page", page }));
    made.append(button);
  }
  made.append(element("span", view.counted, { role: "status", "aria-live": "polite" }));
  return made;
}

// What a click opens stands below the table, often below the window.
function showDetail(root) {
  setTimeout(() => root.closest(".mlops-runs")?.lastElementChild.scrollIntoView({ block: "nearest" }), 100);
}

function draw(model, root) {
  const view = model.get("view");
  const focused = root.contains(document.activeElement) ? document.activeElement.dataset.focus : undefined;
  const table = element("table");
  table.append(element("caption", view.caption));
  const head = element("tr");
  head.append(element("th", "✓", { scope: "col", title: "Tick two runs to compare them" }));
  view.columns.forEach((column) => head.append(header(model, view, column)));
  const top = element("thead");
  top.append(head);
  const body = element("tbody");
  view.rows.forEach((record) => body.append(row(model, view, record)));
  table.append(top, body);
  const scroll = element("div", undefined, { class: "scroll" });
  scroll.append(table);
  root.replaceChildren(scroll, pager(model, view), element("p", view.hint, { class: "hint" }));
  const shown = view.ticked.length === 2 ? view.ticked.join() : view.open;
  if (shown && shown !== root.dataset.shown) showDetail(root);
  root.dataset.shown = shown ?? "";
  if (focused) [...root.querySelectorAll("[data-focus]")].find((one) => one.dataset.focus === focused)?.focus();
}

// JupyterLab hides the static form before the live one by its style; VS Code draws outputs in a page of its own.
function hideStatic(el) {
  if (el.closest(".jp-OutputArea")) return;
  for (let place = el.parentElement; place; place = place.parentElement) {
    const found = place.querySelector(".mlops-static");
    if (found) { found.style.display = "none"; return; }
  }
}

export default {
  render({ model, el }) {
    const root = element("div", undefined, { class: "mlops-runs-table" });
    el.append(root);
    const again = () => draw(model, root);
    model.on("change:view", again);
    again();
    setTimeout(() => hideStatic(el));
    return () => model.off("change:view", again);
  },
};
