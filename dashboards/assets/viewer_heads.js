// The heads of a comparison's panels: plan, day and scan of each, the largest view, saving; and how panels are hung.
(() => {
  const rt = (window.rtTwin ??= {});
  const FOLLOWS = ""; // the choice of what the controls above have
  const PLANES = ["axial", "coronal", "sagittal"];
  const dayWords = (day) => `Day ${Number(day).toFixed(day % 1 ? 1 : 0)}`;

  function chooser(name, title, options, value, act) {
    const select = Object.assign(document.createElement("select"), { className: "rt-own", title });
    select.setAttribute("aria-label", name);
    for (const [key, words] of options) select.append(new Option(words, key));
    select.value = value;
    select.addEventListener("change", () => act(select.value));
    return select;
  }

  function button(text, name, act) {
    const made = Object.assign(document.createElement("button"), { type: "button", className: "rt-head-button", innerText: text, title: name });
    made.setAttribute("aria-label", name);
    made.addEventListener("click", act);
    return made;
  }

  rt.Viewer.learn(
    class Heads {
      /** Fill the heads that the page has a place for. */
      buildHeads() {
        for (const panel of this.panels) {
          const head = panel.spec.head && document.getElementById(panel.spec.head);
          if (!head) continue;
          const { letter } = panel;
          const plans = this.manifest.plans.map((plan) => [plan.slug, plan.label + (plan.context.length ? " \u26a0 outside context of use" : "")]);
          const days = [[FOLLOWS, "slider's day"], ...this.manifest.days.map((day) => [String(day), dayWords(day)])];
          const scans = [[FOLLOWS, "as above"], ...this.manifest.scan_choices];
          const own = (name, cast) => (value) => this.own(panel, { [name]: value === FOLLOWS ? null : cast(value) });
          head.replaceChildren(
            Object.assign(document.createElement("span"), { className: "rt-letter", innerText: letter }),
            chooser(`Plan ${letter}`, "the plan of this panel", plans, panel.own.plan, own("plan", String)),
            chooser(`Day of ${letter}`, "a day of its own, or that of the slider", days, String(panel.own.day ?? FOLLOWS), own("day", Number)),
            chooser(`Scan of ${letter}`, "a scan of its own, or that of the bar above", scans, panel.own.scan ?? FOLLOWS, own("scan", String)),
            button("\u2922", `Make ${letter} large or small`, () => this.enlarge(panel)),
            button("\u2913", `Save picture ${letter}`, () => this.save(panel.n)),
          );
        }
        this.hang(this.state.layout, false);
      }

      /** Give a panel something of its own. */
      own(panel, changes) {
        Object.assign(panel.own, changes);
        if (changes.plan !== undefined && this.state.layout === "planes") for (const other of this.row(panel)) other.own.plan = changes.plan;
        this.refresh();
        this.headValues();
      }

      /** The panels that show the three planes of one plan. */
      row(panel) {
        return this.panels.filter((other) => Math.floor(other.n / 3) === Math.floor(panel.n / 3));
      }

      headValues() {
        for (const { spec, own } of this.panels) {
          const [plan, day, scan] = (spec.head && document.getElementById(spec.head)?.querySelectorAll("select")) || [];
          if (!plan) continue;
          plan.value = own.plan;
          day.value = own.day === null ? FOLLOWS : String(own.day);
          scan.value = own.scan ?? FOLLOWS;
        }
      }

      /** Hang the panels: side by side, two plans in three planes, one plan over days, or one day in its modalities. */
      hang(layout, anew = true) {
        this.state.layout = layout;
        const place = document.getElementById("panels");
        if (!place || !this.manifest.plans) return;
        place.className = `rt-panels rt-n${layout}${this.state.largest === null ? "" : " rt-one"}`;
        const [a, b] = [this.panels[0].own.plan, this.panels[layout === "planes" && !anew ? 3 : 1].own.plan];
        if (anew) {
          const days = this.manifest.days;
          const scan = this.manifest.scans.find((value) => value.endsWith(":overlay") && !value.startsWith("presence"))?.split(":")[0];
          const kinds = ["off", ...(scan ? [`${scan}:overlay`, `${scan}:only`, `${scan}:mip`] : [])];
          this.panels.forEach((panel, n) => {
            Object.assign(panel.own, { day: null, scan: null, plane: null });
            if (layout === "planes") Object.assign(panel.own, { plan: n < 3 ? a : b, plane: PLANES[n % 3] });
            if (layout === "days") Object.assign(panel.own, { plan: a, day: days[Math.round(((days.length - 1) * Math.min(n, 3)) / 3)] });
            if (layout === "scans") Object.assign(panel.own, { plan: a, scan: kinds[n] ?? "off" });
            if (/^\d$/.test(layout) && this.hungBefore) panel.own.plan = this.hungBefore[n];
          });
          if (/^\d$/.test(layout)) this.hungBefore = null;
        }
        if (!/^\d$/.test(layout)) this.hungBefore ??= this.manifest.panels.map((spec) => spec.plan);
        this.headValues();
        setTimeout(() => !this.closed && this.refresh(), 50); // panels that appear have nothing to show yet
      }

      /** One panel alone, or all again. */
      enlarge(panel) {
        this.state.largest = this.state.largest === panel.n ? null : panel.n;
        const place = panel.canvas.closest(".rt-panels, .rt-ortho");
        place.classList.toggle("rt-one", this.state.largest !== null);
        for (const { n, canvas } of this.panels) canvas.parentElement.classList.toggle("rt-largest", n === this.state.largest);
        setTimeout(() => !this.closed && this.refresh(), 50);
      }
    },
  );
  rt.chooser = chooser;
})();
