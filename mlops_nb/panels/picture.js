// A picture drawn by the kernel as SVG: hover says which run a mark is, a click opens it.
export default {
  render({ model, el }) {
    const root = document.createElement("div"), place = document.createElement("div"), said = document.createElement("p");
    root.className = "mlops-drawing";
    said.className = "hint";
    root.append(place, said);
    el.append(root);
    const draw = () => {
      const svg = model.get("svg");
      // Parsed as XML, what users named stays text: there is no element in it that we did not write.
      place.replaceChildren(...(svg ? [document.importNode(new DOMParser().parseFromString(svg, "image/svg+xml").documentElement, true)] : []));
      said.textContent = model.get("words");
    };
    // A line is thin: the nearest within a few pixels counts.
    const runAt = (event) => {
      for (const [x, y] of [[0, 0], [0, -3], [0, 3], [-3, 0], [3, 0], [0, -6], [0, 6]]) {
        const found = root.getRootNode().elementFromPoint(event.clientX + x, event.clientY + y)?.closest("[data-run]");
        if (found && place.contains(found)) return found;
      }
      return null;
    };
    let near = null;
    place.addEventListener("mousemove", (event) => {
      const found = runAt(event);
      if (found === near) return;
      near?.classList.remove("near");
      near = found;
      near?.classList.add("near");
      place.style.cursor = near ? "pointer" : "";
      said.textContent = near ? `${near.firstElementChild.textContent}. A click opens it.` : model.get("words");
    });
    place.addEventListener("mouseleave", () => { near?.classList.remove("near"); near = null; said.textContent = model.get("words"); });
    place.addEventListener("click", (event) => {
      const found = runAt(event);
      if (found && event.detail < 2) model.send({ do: "open", id: Number(found.dataset.run) });
    });
    const again = () => { near = null; draw(); };
    model.on("change:svg", again);
    model.on("change:words", again);
    draw();
    return () => { model.off("change:svg", again); model.off("change:words", again); };
  },
};
