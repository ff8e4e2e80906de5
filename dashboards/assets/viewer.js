// The linked viewers: what each panel shows, what is fetched for it, and the hand on mouse and keys.
(() => {
  const rt = (window.rtTwin ??= {});
  const FRAMES_KEPT = 32; // a follow-up's crop is some megabytes
  const DOSE_LEVELS = [5, 20, 30, 45, 60, 70];
  const PET_TICKS = [0, 2.5, 5, 7.5, 10];
  const CHOICES = {
    structures: ["none", "tumour", "all"],
    dose: ["off", "todate", "full"],
    pet: ["off", "overlay", "only"],
    plane: ["axial", "coronal", "sagittal"],
    difference: [false, true],
  };
  const signed = (value, digits) => value.toFixed(digits).replace("-", "\u2212");

  class Viewer {
    constructor(manifest, settings) {
      this.manifest = manifest;
      this.grid = manifest.grid;
      this.state = { day: 0, sample: 0, plane: "axial", window: "lung", inverted: false, dose: "off", pet: "off", structures: "tumour", linked: true, difference: false };
      this.shared = this.freshView();
      this.store = new Map();
      this.structures = {};
      this.probe = null;
      this.stats = { draws: 0, lastMs: 0, sliceMs: 0 };
      this.panels = manifest.panels.map((spec, n) => this.makePanel(spec, n));
      const base = `/data/baseline?of=${manifest.of}&key=${encodeURIComponent(manifest.key)}&v=${manifest.version}`;
      this.baseline = new rt.Baseline(this.grid, (slab) => `${base}&slab=${slab}`, (error) => this.arrived(error));
      this.restore();
      this.set(settings ?? {});
      this.baseline.load(this.shared.at[0]);
      this.get(`/data/structures?of=${manifest.of}`).then((pack) => {
        this.structures = pack.parts;
        this.draw();
      });
      this.resizing = new ResizeObserver(() => this.draw());
      for (const panel of this.panels) this.resizing.observe(panel.canvas);
    }

    close() {
      this.closed = true;
      this.baseline.closed = true;
      this.resizing.disconnect();
      this.play(false);
    }

    freshView() {
      return { at: [...this.manifest.focus], zoom: 1, pan: [0, 0] };
    }

    makePanel(spec, n) {
      const canvas = document.getElementById(spec.canvas);
      const panel = { n, canvas, spec, drawer: new rt.Panel(canvas), view: this.shared, frame: undefined, letter: "ABCD"[n] };
      canvas.addEventListener("wheel", (event) => this.wheel(panel, event), { passive: false });
      canvas.addEventListener("pointermove", (event) => this.move(panel, event));
      canvas.addEventListener("pointerdown", (event) => this.press(panel, event));
      canvas.addEventListener("pointerup", () => (this.drag = null));
      canvas.addEventListener("pointercancel", () => (this.drag = null));
      canvas.addEventListener("pointerleave", () => this.point(null));
      canvas.addEventListener("dblclick", () => this.reset());
      return panel;
    }

    // ---- what is shown -------------------------------------------------------------------------------------

    set(changes) {
      Object.assign(this.state, changes);
      if (changes.linked === true) for (const panel of this.panels) panel.view = this.shared;
      if (changes.linked === false) for (const panel of this.panels) panel.view = structuredClone(this.shared);
      this.refresh();
      rt.charts?.cursor(this.state.day);
    }

    /** The panels' plans, a slug each; panels beyond them are hidden by the page. */
    setPlans(slugs) {
      this.plans = slugs;
      this.refresh();
    }

    visible() {
      return this.panels.filter((panel) => panel.canvas.offsetParent !== null);
    }

    planOf(panel) {
      const slug = this.plans?.[panel.n];
      return this.manifest.plans?.find((plan) => plan.slug === slug);
    }

    /** The last follow-up of a plan up to a day: its index, or -1 for the acquired baseline. */
    frameFor(plan, day) {
      let found = -1;
      this.manifest.frames.forEach((frame, n) => {
        const fits = frame.plan === (plan?.slug ?? "") && frame.sample === this.state.sample && frame.day <= day + 1e-6;
        if (fits && (found < 0 || frame.day >= this.manifest.frames[found].day)) found = n;
      });
      return found;
    }

    frameOfFullDose(plan) {
      const dosed = this.manifest.frames.map((frame, n) => [frame, n]).filter(([f]) => f.plan === (plan?.slug ?? "") && f.kinds.includes("dose"));
      return dosed.length ? dosed[dosed.length - 1][1] : -1;
    }

    /** Fetch what the panels lack, show it when it is there, then look ahead by one day. */
    refresh() {
      for (const panel of this.visible()) {
        const plan = this.planOf(panel);
        const index = this.frameFor(plan, this.state.day);
        const wanted = [];
        if (this.has(index, "ct")) wanted.push(["followup", index]);
        const dosed = this.state.dose === "full" || !this.manifest.plans ? this.frameOfFullDose(plan) : index;
        if (this.state.dose !== "off" && this.has(dosed, "dose")) wanted.push(["dose", dosed]);
        if (this.state.pet !== "off" && this.has(index, "pet")) wanted.push(["pet", index]);
        const token = (panel.token = Symbol("wanted"));
        const found = {};
        const show = () => {
          if (panel.token !== token || this.closed) return;
          Object.assign(panel, { frame: index, shown: found, dosed, pending: null, failure: null });
          this.draw();
        };
        const here = wanted.map(([kind, n]) => this.kept(kind, n));
        if (here.every(Boolean)) {
          wanted.forEach(([kind], n) => (found[kind] = here[n]));
          show();
          continue;
        }
        panel.pending = index;
        Promise.all(wanted.map(([kind, n]) => this.frame(kind, n).then((parts) => (found[kind] = parts)))).then(show, (error) => {
          panel.failure = error.message;
          this.draw();
        });
      }
      clearTimeout(this.ahead);
      this.ahead = setTimeout(() => this.lookAhead(), 250);
      this.draw();
    }

    lookAhead() {
      const days = this.manifest.days;
      const at = days.findLastIndex((day) => day <= this.state.day + 1e-6);
      for (const panel of this.visible()) {
        for (const day of [days[at + 1], days[at - 1]]) {
          const index = day === undefined ? -1 : this.frameFor(this.planOf(panel), day);
          if (this.has(index, "ct")) this.frame("followup", index).catch(() => {});
        }
      }
    }

    has(index, kind) {
      return index >= 0 && this.manifest.frames[index].kinds.includes(kind);
    }

    get(url) {
      return rt.fetchPack(`${url}&key=${encodeURIComponent(this.manifest.key)}&v=${this.manifest.version}`);
    }

    kept(kind, index) {
      return this.store.get(`${kind}${index}`)?.parts;
    }

    /** The parts of a frame, fetched once; what was used longest ago is let go. */
    frame(kind, index) {
      const key = `${kind}${index}`;
      let entry = this.store.get(key);
      if (entry) this.store.delete(key);
      else {
        entry = {};
        entry.promise = this.get(`/data/frame/${kind}?of=${this.manifest.of}&frame=${index}`).then(
          ({ parts }) => {
            for (const [name, part] of Object.entries(parts)) part.id = `${kind}${index}${name}`;
            return (entry.parts = parts);
          },
          (error) => {
            this.store.delete(key);
            throw error;
          },
        );
      }
      this.store.set(key, entry);
      if (this.store.size > FRAMES_KEPT) this.store.delete(this.store.keys().next().value);
      return entry.promise;
    }

    arrived(error) {
      if (error) this.failure = error.message;
      this.draw();
      rt.onProgress?.(this.baseline.share);
    }

    // ---- drawing -------------------------------------------------------------------------------------------

    draw(since) {
      if (since !== undefined) this.since ??= since;
      this.waiting ??= requestAnimationFrame(() => {
        this.waiting = null;
        if (this.closed) return;
        if (!this.panels[0].canvas.isConnected) return this.close();
        const start = performance.now();
        for (const panel of this.visible()) {
          panel.drawer.draw(this.scene(panel));
          panel.canvas.parentElement.style.setProperty("--plan", this.planOf(panel)?.colour ?? "transparent");
        }
        const end = performance.now();
        this.stats.draws++;
        this.stats.lastMs = end - start;
        if (this.since !== undefined) this.stats.sliceMs = end - this.since;
        this.since = undefined;
        clearTimeout(this.linking);
        this.linking = setTimeout(() => this.remember(), 300);
      });
    }

    scene(panel) {
      const { state, manifest } = this;
      const plane = panel.spec.plane ?? state.plane;
      const through = rt.PLANES[plane].through;
      const k = Math.round(panel.view.at[through]);
      const frame = panel.frame >= 0 ? manifest.frames[panel.frame] : null;
      const shown = panel.shown ?? {};
      const first = this.panels[0];
      const differs = state.difference && panel.n > 0 && Boolean(first.shown);
      const mode = differs ? "difference" : state.pet === "only" && shown.pet ? "pet" : "ct";
      const layers = this.layers(shown, mode);
      const generated = Boolean(frame && !frame.acquired) || manifest.in_silico || Boolean(shown.dose && manifest.dose_simulated);
      return {
        grid: this.grid, plane, k, mode, layers,
        zoom: panel.view.zoom, pan: panel.view.pan,
        window: state.window, inverted: state.inverted,
        baseline: this.baseline, followUp: shown.followup, other: first.shown?.followup, pet: shown.pet?.pet,
        outlines: this.outlinesOf(shown),
        crosshair: this.crosshair ? panel.view.at : null,
        title: this.title(panel, frame, mode, shown),
        corner: this.cornerOf(panel, plane, k, shown),
        simulated: generated ? manifest.simulated : null,
        bars: this.bars(layers, mode),
      };
    }

    layers(shown, mode) {
      const layers = [];
      if (shown.dose?.dose) {
        const max = this.manifest.dose_max_gy;
        const levels = DOSE_LEVELS.filter((gy) => gy < max);
        layers.push({ volume: shown.dose.dose, ramp: "dose", max, from: 5, fade: 22, opacity: 0.45, levels, unit: "Gy" });
      }
      if (shown.pet?.pet && mode === "ct" && this.state.pet === "overlay") {
        layers.push({ volume: shown.pet.pet, ramp: "pet", max: rt.PET_MAX_SUV, from: 1, fade: 2, opacity: 0.65, unit: "SUV" });
      }
      return layers;
    }

    bars(layers, mode) {
      const bars = layers.map((l) => ({ ramp: l.ramp, max: l.max, unit: l.unit, ticks: l.levels ?? PET_TICKS }));
      if (mode === "difference") {
        const most = rt.DIFFERENCE_HU;
        bars.push({ ramp: "difference", low: -most, max: most, unit: "HU", ticks: [-most, 0, most] });
      }
      if (mode === "pet") bars.push({ ramp: "grey", max: rt.PET_MAX_SUV, unit: "SUV", ticks: PET_TICKS });
      return bars;
    }

    outlinesOf(shown) {
      const lines = [];
      if (this.state.structures === "none") return lines;
      for (const [name, mask] of Object.entries(this.structures)) {
        if (mask.role === "GTV") {
          lines.push({ id: `base${name}`, mask, colour: mask.colour, width: 1.4, dash: shown.followup?.gtv ? [5, 4] : null, halo: true });
        } else if (this.state.structures === "all") {
          lines.push({ id: `base${name}`, mask, colour: mask.colour, width: 1.1, dash: mask.estimated ? [2, 2] : null });
        }
      }
      if (shown.followup?.injury && this.state.structures === "all") {
        lines.push({ id: shown.followup.injury.id, mask: shown.followup.injury, colour: "#7dd3fc", width: 1, dash: [1, 3] });
      }
      if (shown.followup?.gtv) {
        lines.push({ id: shown.followup.gtv.id, mask: shown.followup.gtv, colour: "#ffd43b", width: 1.8, halo: true });
      }
      return lines;
    }

    title(panel, frame, mode, shown) {
      const plan = this.planOf(panel);
      const lines = [plan ? `${panel.letter}  ${plan.label}` : this.manifest.patient];
      if (mode === "difference") lines[0] += `  minus  A  ${this.planOf(this.panels[0]).label}`;
      if (!frame?.kinds.includes("ct")) {
        lines.push(`Day 0, ${this.manifest.baseline_label}`);
        if (plan && this.state.day > 0) lines.push(`no follow-up of this plan up to day ${this.state.day.toFixed(0)}`);
      } else if (frame.acquired) {
        lines.push(`Day ${frame.day.toFixed(1)}, acquired: ${frame.generator}`);
      } else {
        const after = frame.day - plan.end_days;
        const when = after >= 0 ? `${after.toFixed(0)} d after the last fraction` : "during treatment";
        lines.push(`Day ${frame.day.toFixed(1)}, ${when}`);
        if (mode !== "pet") lines.push(`CT by ${frame.generator}, sample ${frame.sample}`);
      }
      if (shown.pet) lines.push(`PET ${frame.acquired ? "acquired:" : "by"} ${frame.pet_generator}`);
      else if (this.state.pet !== "off") lines.push("no PET on this day");
      if (shown.dose) lines.push(this.manifest.dose_label ?? `Dose ${this.state.dose === "full" ? "of the full course" : "delivered so far"}`);
      if (plan?.context.length) lines.push("\u26a0 outside the context of use");
      if (panel.failure ?? this.failure) lines.push(panel.failure ?? this.failure);
      else if (panel.pending >= 0 && panel.pending !== null) lines.push("loading \u2026");
      return lines;
    }

    cornerOf(panel, plane, k, shown) {
      const through = rt.PLANES[plane].through;
      const lps = this.lps(panel.view.at.map((v, a) => (a === through ? k : v)));
      const axis = "zyx"[through];
      const { name, width, level } = rt.WINDOWS[this.state.window];
      const differs = this.state.difference && panel.n > 0;
      const loaded = this.baseline.share;
      const lines = [];
      if (this.probe) lines.push(this.probeText(shown, this.probe.index));
      if (differs) lines.push("violet denser, orange less dense");
      else lines.push(`${name}  W ${width} L ${signed(level, 0)}${this.state.inverted ? " inverted" : ""}`);
      lines.push(`${axis} ${signed(lps["xyz".indexOf(axis)], 1)} mm   ${k + 1}/${this.grid.shape[through]}${loaded < 1 ? `   loading ${Math.round(loaded * 100)} %` : ""}`);
      return lines;
    }

    lps(index) {
      const m = this.grid.affine;
      const [z, y, x] = index;
      return [0, 1, 2].map((r) => m[r * 4] * x + m[r * 4 + 1] * y + m[r * 4 + 2] * z + m[r * 4 + 3]);
    }

    probeText(shown, index) {
      const at = index.map(Math.round);
      if (at.some((v, a) => v < 0 || v >= this.grid.shape[a])) return "";
      const hu = (shown.followup?.ct && rt.cropAt(shown.followup.ct, at)) ?? rt.cropAt(this.baseline, at);
      const words = [`(${this.lps(index).map((v) => signed(v, 0)).join(", ")}) mm`, `${signed(hu, 0)} HU`];
      if (shown.dose?.dose) words.push(`${(rt.coarseAt(shown.dose.dose, index) ?? 0).toFixed(1)} Gy`);
      if (shown.pet?.pet) words.push(`SUV ${(rt.coarseAt(shown.pet.pet, index) ?? 0).toFixed(1)}`);
      const inside = Object.entries(this.structures).filter(([, mask]) => mask.role !== "EXTERNAL" && rt.cropAt(mask, at));
      if (inside.length) words.push(inside.map(([name]) => name).join(" "));
      return words.join("   ");
    }

    // ---- the hand ------------------------------------------------------------------------------------------

    step(by, panel = this.panels[0]) {
      const through = rt.PLANES[panel.spec.plane ?? this.state.plane].through;
      this.goTo(panel, through, Math.round(panel.view.at[through]) + by);
    }

    goTo(panel, axis, k) {
      const since = performance.now();
      panel.view.at[axis] = Math.max(0, Math.min(this.grid.shape[axis] - 1, k));
      if (axis === 0) this.baseline.load(panel.view.at[0]);
      this.draw(since);
    }

    wheel(panel, event) {
      event.preventDefault();
      this.active = panel;
      if (event.ctrlKey) return this.zoom(event.deltaY < 0 ? 1.15 : 1 / 1.15, panel);
      this.turned = (this.turned ?? 0) + event.deltaY * (event.deltaMode ? 40 : 1);
      const notches = Math.trunc(this.turned / 40);
      if (!notches) return;
      this.turned -= notches * 40;
      const by = Math.sign(notches) * Math.max(1, Math.round(Math.abs(notches) / 3));
      const down = (panel.spec.plane ?? this.state.plane) === "axial" ? -by : by;
      this.step(down, panel);
    }

    zoom(by, panel = this.active ?? this.panels[0]) {
      panel.view.zoom = Math.max(1, Math.min(12, panel.view.zoom * by));
      if (panel.view.zoom === 1) panel.view.pan = [0, 0];
      this.draw();
    }

    reset() {
      this.shared = this.freshView();
      this.crosshair = false;
      for (const panel of this.panels) panel.view = this.state.linked ? this.shared : this.freshView();
      this.draw();
    }

    press(panel, event) {
      panel.canvas.setPointerCapture(event.pointerId);
      panel.canvas.focus({ preventScroll: true });
      this.active = panel;
      this.drag = [event.clientX, event.clientY];
    }

    move(panel, event) {
      const ratio = window.devicePixelRatio || 1;
      const scene = { ...this.place(panel) };
      const index = panel.drawer.indexAt(scene, event.offsetX * ratio, event.offsetY * ratio);
      if (this.drag && event.buttons & 1) {
        const { fit } = panel.drawer.place(scene);
        panel.view.pan[0] += ((event.clientX - this.drag[0]) * ratio) / fit;
        panel.view.pan[1] += ((event.clientY - this.drag[1]) * ratio) / fit;
        this.drag = [event.clientX, event.clientY];
      } else if (event.shiftKey) {
        this.crosshair = true;
        panel.view.at = index.map((v, a) => Math.max(0, Math.min(this.grid.shape[a] - 1, Math.round(v))));
        this.baseline.load(panel.view.at[0]);
      }
      this.point({ index, panel });
    }

    place(panel) {
      const plane = panel.spec.plane ?? this.state.plane;
      const k = Math.round(panel.view.at[rt.PLANES[plane].through]);
      return { grid: this.grid, plane, k, zoom: panel.view.zoom, pan: panel.view.pan };
    }

    point(probe) {
      this.probe = probe;
      this.draw();
    }

    /** Play through the days of the run, two a second. */
    play(on = !this.playing) {
      clearInterval(this.playing);
      this.playing = null;
      if (!on) return;
      this.playing = setInterval(() => this.stepDay(1, true), 500);
    }

    stepDay(by, around = false) {
      const days = this.manifest.days;
      let at = days.findLastIndex((day) => day <= this.state.day + 1e-6) + by;
      if (around) at = (at + days.length) % days.length;
      this.choose("day", days[Math.max(0, Math.min(days.length - 1, at))]);
    }

    /** Choose as a control does, at once; the control on the page follows. */
    choose(name, value) {
      this.set({ [name]: value });
      const indexed = name === "day" && this.manifest.of === "twin";
      if (typeof value === "boolean") return rt.setControl(`ctl-${name}`, value, "checked");
      rt.setControl(`ctl-${name}`, indexed ? String(this.manifest.days.indexOf(value)) : value);
    }

    /** Choose what comes after the present choice. */
    chooseNext(name) {
      const values = name === "dose" && this.manifest.of === "twin" ? ["off", "full"] : CHOICES[name];
      this.choose(name, values[(values.indexOf(this.state[name]) + 1) % values.length]);
    }

    // ---- links ---------------------------------------------------------------------------------------------

    /** Keep the view in the address, so that it can be sent and opened again. */
    remember() {
      const query = new URLSearchParams(window.location.search);
      query.set(this.manifest.of, this.manifest.key);
      const at = this.lps(this.panels[0].view.at).map((v) => v.toFixed(1));
      query.set("at", at.join(","));
      const { zoom } = this.shared;
      if (zoom > 1) query.set("zoom", zoom.toFixed(2));
      else query.delete("zoom");
      if (this.manifest.plans && this.plans) query.set("plans", this.visible().map((panel) => this.plans[panel.n]).join(","));
      const kept = { day: Number(this.state.day.toFixed(3)), plane: this.state.plane, window: this.state.window, dose: this.state.dose, pet: this.state.pet, structures: this.state.structures };
      for (const [name, value] of Object.entries(kept)) query.set(name, value);
      window.history.replaceState(window.history.state, "", `${window.location.pathname}?${query}`);
    }

    restore() {
      const query = new URLSearchParams(window.location.search);
      if (query.get(this.manifest.of) !== this.manifest.key) return;
      const at = (query.get("at") ?? "").split(",").map(Number);
      if (at.length === 3 && at.every(Number.isFinite)) {
        const m = this.grid.affine;
        // Columns of the affine are orthogonal: project onto each and divide by its squared length.
        const rest = [0, 1, 2].map((r) => at[r] - m[r * 4 + 3]);
        const index = [0, 1, 2].map((col) => {
          const column = [0, 1, 2].map((r) => m[r * 4 + col]);
          return column.reduce((sum, v, r) => sum + v * rest[r], 0) / column.reduce((sum, v) => sum + v * v, 0);
        });
        this.shared.at = index.reverse().map((v, a) => Math.max(0, Math.min(this.grid.shape[a] - 1, Math.round(v))));
      }
      const zoom = Number(query.get("zoom"));
      if (zoom > 1 && zoom <= 12) this.shared.zoom = zoom;
    }

    /** Save a panel as PNG; its legend and its SIMULATED stamp are part of the picture. */
    save(n) {
      const panel = this.panels[n];
      panel.drawer.draw(this.scene(panel));
      panel.canvas.toBlob((blob) => {
        const plan = this.plans?.[n] ?? "twin";
        rt.download(blob, `simulated_${this.manifest.patient}_${plan}_day${this.state.day.toFixed(0)}.png`);
      });
    }
  }

  rt.download = (blob, name) => {
    const link = Object.assign(document.createElement("a"), { href: URL.createObjectURL(blob), download: name.replace(/[^\w.-]+/g, "-") });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  };

  rt.setControl = (id, value, property = "value") => document.getElementById(id) && window.dash_clientside.set_props(id, { [property]: value });
  rt.Viewer = Viewer;
})();
