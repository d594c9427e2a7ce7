// A live table: rows to open, to sort, to tick. All text goes through textContent: what users named is never markup.
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

// A tick in front of a row, to pick several.
function tick(model, view, record) {
  const box = element("input", undefined, { type: "checkbox", "aria-label": `Tick run ${record.id} to ${view.ticks}` });
  box.checked = view.ticked.includes(record.id);
  box.dataset.focus = `tick:${record.id}`;
  box.addEventListener("click", (event) => { if (event.detail === 2) event.preventDefault(); });
  box.addEventListener("change", () => model.send({ do: "tick", id: record.id, on: box.checked }));
  const label = element("label");
  label.append(box);
  return label;
}

function row(model, view, record, place) {
  const made = element("tr", undefined, { tabindex: "0" });
  made.dataset.focus = `row:${record.id ?? -place}`;
  if (record.id !== null) made.dataset.run = record.id;
  if (record.id !== null && record.id === view.open) made.setAttribute("aria-current", "true");
  const open = () => { if (record.id !== null) model.send({ do: "open", id: record.id }); };
  const first = element("td");
  made.addEventListener("click", (event) => { if (!first.contains(event.target) && event.detail < 2) open(); });
  const keys = {
    Enter: open,
    " ": () => { const box = first.querySelector("input"); if (box) box.click(); else open(); },
    ArrowDown: () => made.nextElementSibling?.focus(),
    ArrowUp: () => made.previousElementSibling?.focus(),
  };
  made.addEventListener("keydown", (event) => {
    if (event.target !== made || !keys[event.key] || event.shiftKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    event.stopPropagation();
    keys[event.key]();
  });
  if (view.ticks) {
    first.append(tick(model, view, record));
    made.append(first);
  }
  record.cells.forEach((text, place) => {
    const column = view.columns[place];
    const cell = place === 0 ? element("th", text, { scope: "row" }) : element("td", text);
    if (record.hover[place]) cell.title = record.hover[place];
    if (column.right) cell.className = "right";
    made.append(cell);
  });
  return made;
}

// The buttons and the status stay the same elements: the focus stays on them, and a screen reader hears what changes.
function pager(model) {
  const made = element("div", undefined, { class: "pager" });
  const said = element("span", "", { role: "status", "aria-live": "polite" });
  const turn = (label, by) => {
    const button = element("button", label, { type: "button" });
    button.addEventListener("click", (event) => {
      if (event.detail === 2 || button.getAttribute("aria-disabled") === "true") return;
      model.send({ do: "page", page: model.get("view").page + by });
    });
    made.append(button);
    return button;
  };
  const previous = turn("Previous ten", -1), next = turn("Next ten", 1);
  made.append(said);
  const show = (view) => {
    for (const button of [previous, next]) button.hidden = view.pages < 2 && !view.columns.some((column) => column.key);
    previous.setAttribute("aria-disabled", view.page === 0);
    next.setAttribute("aria-disabled", view.page + 1 >= view.pages);
    if (said.textContent !== view.said) said.textContent = view.said;
  };
  return { made, show };
}

// What a click opens stands elsewhere in the panel, often outside of the window.
function showOpened(root, view) {
  setTimeout(() => root.closest(".mlops-live")?.querySelector(`.${view.reveals}`)?.scrollIntoView({ block: "nearest" }), 100);
}

function draw(model, root, scroll) {
  const view = model.get("view");
  const focused = scroll.contains(document.activeElement) ? document.activeElement.dataset.focus : undefined;
  const table = element("table");
  table.append(element("caption", view.caption));
  const head = element("tr");
  if (view.ticks) head.append(element("th", view.ticks, { scope: "col", title: `Tick two or more runs to ${view.ticks} them` }));
  view.columns.forEach((column) => head.append(header(model, view, column)));
  const top = element("thead");
  top.append(head);
  const body = element("tbody");
  view.rows.forEach((record, place) => body.append(row(model, view, record, place)));
  table.append(top, body);
  scroll.replaceChildren(table);
  const isAsked = root.dataset.opened !== undefined && root.dataset.opened !== String(view.opened);
  if (isAsked && (view.open !== null || view.ticked.length > 1)) showOpened(root, view);
  root.dataset.opened = view.opened;
  if (focused) {
    const again = [...scroll.querySelectorAll("[data-focus]")].find((one) => one.dataset.focus === focused);
    (again ?? scroll.querySelector("tbody tr") ?? scroll.querySelector("button"))?.focus();
  }
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
    const root = element("div", undefined, { class: "mlops-rows" });
    const scroll = element("div", undefined, { class: "scroll" });
    const turning = pager(model);
    const hint = element("p", "", { class: "hint" });
    root.append(scroll, turning.made, hint);
    // A letter typed on a row is no command to the notebook, where "d d" deletes the cell.
    root.addEventListener("keydown", (event) => {
      const isPlain = !event.ctrlKey && !event.metaKey && !event.altKey;
      if (isPlain && (event.key.length === 1 || event.key.startsWith("Arrow"))) event.stopPropagation();
    });
    el.append(root);
    // An update between pressing and releasing the button would take away what is clicked: it waits.
    let isPressed = false, waits = false;
    const again = () => {
      const view = model.get("view");
      waits = isPressed;
      root.hidden = !view.columns;  // nothing to show yet
      if (waits || root.hidden) return;
      draw(model, root, scroll);
      turning.show(view);
      hint.textContent = view.hint;
    };
    const release = () => setTimeout(() => { isPressed = false; if (waits) again(); });
    root.addEventListener("pointerdown", () => { isPressed = true; });
    for (const end of ["pointerup", "pointercancel"]) window.addEventListener(end, release);
    // The kernel follows the store only while somebody can see the panel.
    const seen = crypto.getRandomValues(new Uint32Array(2)).join("-");
    const leave = () => model.send({ do: "gone", view: seen });
    window.addEventListener("pagehide", leave);
    model.send({ do: "seen", view: seen });
    model.on("change:view", again);
    again();
    setTimeout(() => hideStatic(el));
    return () => {
      leave();
      model.off("change:view", again);
      window.removeEventListener("pagehide", leave);
      for (const end of ["pointerup", "pointercancel"]) window.removeEventListener(end, release);
    };
  },
};
