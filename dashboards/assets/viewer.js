// The linked viewers: what each panel shows, what is fetched for it, and the hand on mouse and keys.
(() => {
  const rt = (window.rtTwin ??= {});
  const FRAMES_KEPT = 32; // a follow-up's crop is some megabytes
  const DOSE_LEVELS = [5, 20, 30, 45, 60, 70];
  const PET_TICKS = [0, 2.5, 5, 7.5, 10];

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
      rt.charts?.cursor();
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

    /** Fetch the follow-ups of the next and the last day, once all that is looked at is here. */
    lookAhead() {
      if (this.closed) return;
      const waits = (panel) => panel.pending !== null && !panel.failure;
      if (this.baseline.ready.some((slab) => slab < 2) || this.visible().some(waits)) {
        this.ahead = setTimeout(() => this.lookAhead(), 500);
        return;
      }
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
        layers.push({ volume: shown.dose.dose, ramp: "dose", max, from: 5, fade: 40, opacity: 0.45, levels, unit: "Gy" });
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
      const tumours = []; // on top: their edge is often a lung's edge too
      if (this.state.structures === "none") return lines;
      for (const [name, mask] of Object.entries(this.structures)) {
        if (mask.role === "GTV") {
          tumours.push({ id: `base${name}`, mask, colour: mask.colour, width: 1.4, dash: shown.followup?.gtv ? [5, 4] : null, halo: true });
        } else if (this.state.structures === "all") {
          lines.push({ id: `base${name}`, mask, colour: mask.colour, width: 1.1, dash: mask.estimated ? [2, 2] : null });
        }
      }
      if (shown.followup?.injury && this.state.structures === "all") {
        lines.push({ id: shown.followup.injury.id, mask: shown.followup.injury, colour: "#7dd3fc", width: 1, dash: [1, 3] });
      }
      lines.push(...tumours);
      if (shown.followup?.gtv) {
        lines.push({ id: shown.followup.gtv.id, mask: shown.followup.gtv, colour: "#ffd43b", width: 1.8, halo: true });
      }
      return lines;
    }
  }

  rt.download = (blob, name) => {
    const link = Object.assign(document.createElement("a"), { href: URL.createObjectURL(blob), download: name.replace(/[^\w.-]+/g, "-") });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  };

  rt.setControl = (id, value, property = "value") => document.getElementById(id) && window.dash_clientside.set_props(id, { [property]: value });
  /** Give the viewer what another file knows how to do. */
  Viewer.learn = (part) => {
    for (const name of Object.getOwnPropertyNames(part.prototype)) {
      if (name !== "constructor") Viewer.prototype[name] = part.prototype[name];
    }
  };
  rt.Viewer = Viewer;
})();
