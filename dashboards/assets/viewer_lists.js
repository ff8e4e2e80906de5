// The lists beside the viewers: structures, isodoses, the look of scans that lie over the CT, and what a drag does.
(() => {
  const rt = (window.rtTwin ??= {});
  const UNITS = [["Gy", "Gy"], ["%", "% of the prescription"], ["eqd2-3", "EQD2, \u03b1/\u03b2 3 Gy (late)"], ["eqd2-10", "EQD2, \u03b1/\u03b2 10 Gy (tumour)"]];
  const TOOLS = [["pan", "moves the view"], ["window", "sets the window"], ["distance", "measures a distance"], ["ellipse", "measures an ellipse"]];
  const SUV = [0, 10];

  const made = (tag, properties, ...children) => {
    const element = Object.assign(document.createElement(tag), properties);
    element.append(...children);
    return element;
  };

  function tick(words, checked, act, colour) {
    const box = made("input", { type: "checkbox", checked });
    box.addEventListener("change", () => act(box.checked));
    const swatch = colour ? made("span", { className: "rt-swatch" }) : "";
    if (colour) swatch.style.background = colour;
    return made("label", { className: "rt-tick" }, box, swatch, words);
  }

  function number(words, value, step, act) {
    const field = made("input", { type: "number", value, step });
    field.addEventListener("change", () => Number.isFinite(field.valueAsNumber) && act(field.valueAsNumber));
    return made("label", { className: "rt-tick" }, words, field);
  }

  rt.Viewer.learn(
    class Lists {
      /** Fill the page's place for the lists; the sections are made anew when what they list has changed. */
      buildLists() {
        const place = document.getElementById("viewer-lists");
        if (!place) return;
        const part = (title) => made("section", {}, made("h2", { innerText: title }));
        this.lists = { structures: part("Structures"), isodoses: part("Dose"), scans: part("Scan over the CT"), tool: part("A drag") };
        place.replaceChildren(...Object.values(this.lists));
        this.lists.tool.append(rt.chooser("What a drag does", "right button: always the window", TOOLS, this.state.tool, (tool) => (this.state.tool = tool)));
        this.showLists();
      }

      fill(name, ...children) {
        const section = this.lists?.[name];
        section?.replaceChildren(section.firstChild, ...children);
      }

      /** Every structure with its colour, on or off, and a way to its middle. */
      listStructures() {
        const followed = this.manifest.layers.filter((layer) => layer.draw === "outline" && this.manifest.of === "run");
        const rows = [
          ...Object.entries(this.structures).map(([name, mask]) => [name, mask.role, mask.colour, mask.estimated ? `${name} (estimated)` : name, mask]),
          ...followed.map((layer) => [layer.label, layer.role, layer.colour, `${layer.label} of the day`, null]),
        ];
        const seen = new Set();
        this.fill("structures", ...rows.map(([name, role, colour, words, mask]) => {
          const line = tick(words, this.drawn(name, role), (on) => this.pick(name, on), colour);
          const row = made("div", { className: "rt-listed" }, line);
          if (mask && !seen.has(name)) {
            const go = made("button", { type: "button", className: "rt-csv", innerText: "show", title: `go to the middle of ${name}` });
            go.setAttribute("aria-label", `show ${name}`);
            go.addEventListener("click", () => this.goToStructure(name));
            row.append(go);
          }
          seen.add(name);
          return row;
        }));
      }

      pick(name, on) {
        this.state.picked = { ...this.state.picked, [name]: on };
        this.listStructures();
        this.draw();
      }

      goToStructure(name) {
        const mask = this.structures[name];
        this.state.picked = { ...this.state.picked, [name]: true };
        this.lookAt(this.active ?? this.panels[0], mask.start.map((s, a) => s + mask.shape[a] / 2));
        this.listStructures();
      }

      showLists() {
        if (!this.lists) return;
        this.listStructures();
        const { dose, unit, wash, levelsOff, scan, opacity, suv } = this.state;
        const max = unit.startsWith("eqd2") ? Infinity : this.manifest.dose_max_gy;
        const levels = this.levels(this.panels[0], max).map(({ name }) =>
          tick(name, !levelsOff.includes(name), (on) => this.set({ levelsOff: on ? levelsOff.filter((n) => n !== name) : [...levelsOff, name] }), "#ffffff"));
        this.fill("isodoses",
          dose === "off" ? made("p", { innerText: "No dose is shown: choose one above." }) : "",
          rt.chooser("Unit of the dose", "Gy, share of the prescription, or EQD2", UNITS, unit, (value) => this.set({ unit: value, levelsOff: [] })),
          tick("colour wash", wash, (on) => this.set({ wash: on })), ...levels);
        const layer = this.layer(scan.split(":")[0]);
        const range = made("input", { type: "range", min: 0, max: 1, step: 0.05, value: opacity });
        range.setAttribute("aria-label", "Opacity");
        range.addEventListener("input", () => this.set({ opacity: range.valueAsNumber }));
        const [low, high] = suv ?? SUV;
        this.fill("scans", layer ? "" : made("p", { innerText: "None is chosen above." }), made("label", { className: "rt-tick" }, "opacity", range),
          number("SUV from", low, 0.5, (value) => this.set({ suv: [value, Math.max(value + 0.1, high)] })), number("to", high, 0.5, (value) => this.set({ suv: [Math.min(low, value - 0.1), value] })));
      }
    },
  );

  // The button that opens and closes the lists.
  document.addEventListener("click", (event) => {
    const opener = event.target.closest?.("[data-lists]");
    if (!opener) return;
    const place = document.getElementById("viewer-lists");
    place.hidden = !place.hidden;
    opener.setAttribute("aria-expanded", String(!place.hidden));
  });
})();
