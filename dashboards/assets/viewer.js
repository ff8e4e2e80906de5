// The linked viewers: what each panel shows, and what is fetched for it. Other files teach it what is seen and done.
(() => {
  const rt = (window.rtTwin ??= {});
  const FRAMES_KEPT = 48; // a follow-up's crop is some megabytes
  const FOLLOW_UP = "follow-up"; // the CT of a day and the outlines on it, in one message
  const FRESH = {
    day: 0, sample: 0, plane: "axial", window: "lung", level: null, inverted: false, dose: "off", unit: "Gy", wash: true, levelsOff: [],
    scan: "off", opacity: 0.65, suv: null, pair: "difference", share: 0.5, against: "source", structures: "tumour", picked: {}, linked: true, difference: false, tool: "pan", layout: "2", largest: null,
  };

  class Viewer {
    constructor(manifest, settings) {
      this.manifest = manifest;
      this.grid = manifest.grid;
      this.state = { ...structuredClone(FRESH), layout: manifest.layout ?? FRESH.layout };
      this.shared = this.freshView();
      this.store = new Map();
      this.structures = {};
      this.marks = [];
      this.probe = null;
      this.stats = { draws: 0, lastMs: 0, sliceMs: 0 };
      this.panels = manifest.panels.map((spec, n) => this.makePanel(spec, n));
      const base = `/data/baseline?of=${manifest.of}&key=${encodeURIComponent(manifest.key)}&v=${manifest.version}`;
      this.baseline = new rt.Baseline(this.grid, (slab) => `${base}&slab=${slab}`, (error) => this.arrived(error));
      Object.assign(this.state, settings);
      this.restore();
      this.buildHeads();
      this.buildLists();
      this.set({});
      this.baseline.load(this.panels[0].view.at[0]);
      this.get(`/data/structures?of=${manifest.of}`).then((pack) => {
        this.structures = pack.parts;
        this.listStructures();
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
      return { at: [...this.manifest.focus], zoom: 1, pan: [0, 0, 0] };
    }

    /** A panel with what is its own: plan, day, scan and plane, each null where it follows what is common. */
    makePanel(spec, n) {
      const canvas = document.getElementById(spec.canvas);
      const own = { plan: spec.plan ?? null, day: null, scan: spec.scan ?? null, plane: null };
      const panel = { n, canvas, spec, own, drawer: new rt.Panel(canvas), view: this.shared, frame: undefined, letter: "ABCDEF"[n] };
      canvas.addEventListener("wheel", (event) => this.wheel(panel, event), { passive: false });
      canvas.addEventListener("pointermove", (event) => this.move(panel, event));
      canvas.addEventListener("pointerdown", (event) => this.press(panel, event));
      canvas.addEventListener("pointerup", (event) => this.release(panel, event));
      canvas.addEventListener("pointercancel", () => (this.drag = null));
      canvas.addEventListener("pointerleave", () => this.point(null));
      canvas.addEventListener("contextmenu", (event) => event.preventDefault());
      canvas.addEventListener("dblclick", () => this.reset());
      return panel;
    }

    // ---- what is shown -------------------------------------------------------------------------------------

    set(changes) {
      if (changes.window && changes.window !== this.state.window) changes = { level: null, ...changes };
      if (changes.structures && changes.structures !== this.state.structures) changes = { picked: {}, ...changes };
      Object.assign(this.state, changes);
      if (changes.linked === true) for (const panel of this.panels) panel.view = this.shared;
      if (changes.linked === false) for (const panel of this.panels) panel.view = structuredClone(this.shared);
      this.refresh();
      this.showLists();
      rt.charts?.cursor();
    }

    visible() {
      return this.panels.filter((panel) => panel.canvas.offsetParent !== null);
    }

    planOf(panel) {
      return this.manifest.plans?.find((plan) => plan.slug === panel.own.plan);
    }

    dayOf(panel) {
      return panel.own.day ?? this.state.day;
    }

    planeOf(panel) {
      return panel.spec.plane ?? panel.own.plane ?? this.state.plane;
    }

    /** The last follow-up of a plan up to a day: its index, or -1 for the acquired baseline. */
    frameFor(plan, day) {
      let found = -1;
      this.manifest.frames.forEach((frame, n) => {
        const fits = frame.plan === (plan?.slug ?? "") && (frame.acquired || frame.sample === this.state.sample) && frame.day <= day + 1e-6;
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
        const index = this.frameFor(plan, this.dayOf(panel));
        const wanted = [];
        if (this.has(index, "ct")) wanted.push(["followup", FOLLOW_UP, index]);
        const dosed = this.state.dose === "full" || !this.manifest.plans ? this.frameOfFullDose(plan) : index;
        if (this.state.dose !== "off" && this.has(dosed, "dose")) wanted.push(["dose", this.doseKind(), dosed]);
        const scan = this.scan(panel);
        if (scan && this.has(index, scan.layer.name)) wanted.push(["scan", scan.layer.name, index]);
        if (panel.spec.pair && this.has(index, this.state.against)) wanted.push(["beside", this.state.against, index]);
        const token = (panel.token = Symbol("wanted"));
        const found = { dosed };
        const show = () => {
          if (panel.token !== token || this.closed) return;
          Object.assign(panel, { frame: index, shown: found, pending: null, failure: null });
          this.draw();
        };
        const here = wanted.map(([, kind, n]) => this.kept(kind, n));
        if (here.every(Boolean)) {
          wanted.forEach(([place], n) => (found[place] = here[n]));
          show();
          continue;
        }
        panel.pending = index;
        Promise.all(wanted.map(([place, kind, n]) => this.frame(kind, n).then((parts) => (found[place] = parts)))).then(show, (error) => {
          panel.failure = error.message;
          this.draw();
        });
      }
      clearTimeout(this.ahead);
      this.ahead = setTimeout(() => this.lookAhead(), 250);
      this.draw();
    }

    /** The dose's layer: physical, or one of the EQD2 that the server makes of it. */
    doseKind() {
      return this.state.unit.startsWith("eqd2") ? this.state.unit : "dose";
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
      for (const panel of this.visible().filter((one) => one.own.day === null)) {
        for (const day of [days[at + 1], days[at - 1]]) {
          const index = day === undefined ? -1 : this.frameFor(this.planOf(panel), day);
          if (this.has(index, "ct")) this.frame(FOLLOW_UP, index).catch(() => {});
        }
      }
    }

    /** The layer that is chosen beside the CT, and how it is shown: over it, alone, or as its greatest values. */
    scan(panel) {
      const [name, how] = (panel?.own.scan ?? this.state.scan).split(":");
      const layer = this.layer(name);
      return layer && how ? { layer, how } : null;
    }

    layer(name) {
      return this.manifest.layers.find((layer) => layer.name === name);
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
        const path = kind === FOLLOW_UP ? kind : `layer/${encodeURIComponent(kind)}`;
        entry.promise = this.get(`/data/${path}?of=${this.manifest.of}&frame=${index}`).then(
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
  Viewer.FRESH = FRESH;
  rt.Viewer = Viewer;
})();
