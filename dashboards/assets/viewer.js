// The linked viewers: what each panel shows, what is fetched for it, and the hand on mouse and keys.
(() => {
  const rt = (window.rtTwin ??= {});
  const FRAMES_KEPT = 32; // a follow-up's crop is some megabytes
  const DOSE_LEVELS = [5, 20, 30, 45, 60, 70];
  const FOLLOW_UP = "follow-up"; // the CT of a day and the outlines on it, in one message

  class Viewer {
    constructor(manifest, settings) {
      this.manifest = manifest;
      this.grid = manifest.grid;
      this.state = { day: 0, sample: 0, plane: "axial", window: "lung", inverted: false, dose: "off", scan: "off", structures: "tumour", linked: true, difference: false };
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
        if (this.has(index, "ct")) wanted.push(["followup", FOLLOW_UP, index]);
        const dosed = this.state.dose === "full" || !this.manifest.plans ? this.frameOfFullDose(plan) : index;
        if (this.state.dose !== "off" && this.has(dosed, "dose")) wanted.push(["dose", "dose", dosed]);
        const scan = this.scan();
        if (scan && this.has(index, scan.layer.name)) wanted.push(["scan", scan.layer.name, index]);
        const token = (panel.token = Symbol("wanted"));
        const found = {};
        const show = () => {
          if (panel.token !== token || this.closed) return;
          Object.assign(panel, { frame: index, shown: found, dosed, pending: null, failure: null });
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
          if (this.has(index, "ct")) this.frame(FOLLOW_UP, index).catch(() => {});
        }
      }
    }

    /** The layer that is chosen beside the CT, and how it is shown: over it, or alone. */
    scan() {
      const [name, how] = this.state.scan.split(":");
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
      const scan = this.scanOf(shown);
      const mode = differs ? "difference" : scan?.how === "only" ? "scan" : "ct";
      const layers = this.layers(shown, mode);
      const alone = mode === "scan" ? this.alone(scan) : null;
      const picture = alone && this.pictureOf(panel);
      const generated = Boolean(frame && !frame.acquired) || manifest.in_silico || Boolean(shown.dose && manifest.dose_simulated);
      return {
        grid: this.grid, plane, k, mode, layers, ...picture?.place,
        zoom: panel.view.zoom, pan: panel.view.pan,
        window: state.window, inverted: state.inverted,
        baseline: this.baseline, followUp: shown.followup, other: first.shown?.followup,
        alone: picture ? { ...alone, volume: picture.volume } : alone,
        outlines: picture ? [] : this.outlinesOf(shown),
        crosshair: this.crosshair && !picture ? panel.view.at : null,
        title: this.title(panel, frame, mode, shown),
        corner: picture ? ["projection"] : this.cornerOf(panel, plane, k, shown),
        simulated: generated ? manifest.simulated : null,
        bars: this.bars(alone ? [...layers, alone] : layers, mode),
      };
    }

    layers(shown, mode) {
      const layers = [];
      if (shown.dose?.dose) {
        const max = this.manifest.dose_max_gy;
        const levels = DOSE_LEVELS.filter((gy) => gy < max);
        layers.push({ volume: shown.dose.dose, ramp: this.layer("dose").colour, low: 0, max, from: 5, fade: 40, opacity: 0.45, levels, unit: "Gy" });
      }
      const scan = this.scanOf(shown);
      if (scan?.how === "overlay" && mode === "ct") {
        const { low, max, step } = this.scale(scan);
        layers.push({ volume: scan.volume, ramp: scan.layer.colour, low, max, from: low + step, fade: 2 * step, opacity: 0.65, unit: scan.layer.unit });
      }
      return layers;
    }

    /** The chosen scan with its voxels, where this day has one. */
    scanOf(shown) {
      const scan = this.scan();
      const volume = scan && shown.scan?.[scan.layer.name];
      return volume ? { ...scan, volume } : null;
    }

    /** Both ends of a scan's scale, and a tenth of it; HU are shown in the CT's window. */
    scale({ layer, volume }) {
      const { width, level } = rt.WINDOWS[this.state.window];
      const [low, max] = layer.unit === "HU" ? [level - width / 2, level + width / 2] : [layer.low ?? volume.base, volume.high];
      return { low, max, step: (max - low) / 10 };
    }

    /** A scan in the place of the CT: coloured ones dark on white, as nuclear medicine shows them. */
    alone(scan) {
      const { low, max } = this.scale(scan);
      const dark = scan.layer.draw === "overlay" || this.state.inverted;
      return { volume: scan.volume, ramp: dark ? "inverse" : "grey", low, max, from: -Infinity, fade: 1, opacity: 1, unit: scan.layer.unit };
    }

    /** A scan that is shown alone and is one voxel deep, as a radiograph: a picture of its own plane, on its own grid. */
    pictureOf(panel) {
      const scan = this.scanOf(panel.shown ?? {});
      const deep = scan?.how === "only" ? scan.volume.shape.map((n, axis) => [n, axis]).filter(([n]) => n === 1) : [];
      if (deep.length !== 1) return null;
      const [[, axis]] = deep;
      const plane = Object.keys(rt.PLANES).find((name) => rt.PLANES[name].through === axis);
      const spacing = this.grid.spacing.map((mm, a) => mm / Math.abs(scan.volume.step[a]));
      const grid = { ...this.grid, shape: scan.volume.shape, spacing };
      return { place: { grid, plane, k: 0 }, volume: { ...scan.volume, zero: [0, 0, 0], step: [1, 1, 1] } };
    }

    bars(layers, mode) {
      const ticks = ({ low, max }) => [0, 1, 2, 3, 4].map((n) => Number((low + ((max - low) * n) / 4).toPrecision(3)));
      const bars = layers.map((l) => ({ ramp: l.ramp, low: l.low, max: l.max, unit: l.unit, ticks: l.levels ?? ticks(l) }));
      if (mode === "difference") {
        const most = rt.DIFFERENCE_HU;
        bars.push({ ramp: "difference", low: -most, max: most, unit: "HU", ticks: [-most, 0, most] });
      }
      return bars;
    }

    outlinesOf(shown) {
      const lines = [];
      const [mine, others] = this.followUpOutlines(shown);
      const tumours = []; // on top: their edge is often a lung's edge too
      if (this.state.structures === "none") return lines;
      for (const [name, mask] of Object.entries(this.structures)) {
        if (mask.role === "GTV") {
          tumours.push({ id: `base${name}`, mask, colour: mask.colour, width: 1.4, dash: mine.length ? [5, 4] : null, halo: true });
        } else if (this.state.structures === "all") {
          lines.push({ id: `base${name}`, mask, colour: mask.colour, width: 1.1, dash: mask.estimated ? [2, 2] : null });
        }
      }
      if (this.state.structures === "all") lines.push(...others);
      return [...lines, ...tumours, ...mine];
    }

    /** Outlines that were drawn on a follow-up: of the tumour, and of all else. */
    followUpOutlines(shown) {
      const found = [[], []];
      for (const layer of this.manifest.layers) {
        const mask = layer.draw === "outline" && shown.followup?.[layer.name];
        if (!mask) continue;
        const look = layer.role === "GTV" ? { width: 1.8, halo: true } : { width: 1, dash: [1, 3] };
        found[layer.role === "GTV" ? 0 : 1].push({ id: mask.id, mask, colour: layer.colour, ...look });
      }
      return found;
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
