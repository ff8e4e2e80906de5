// What a panel draws: layers, their scales and bars, outlines, differences, and what was measured on it.
(() => {
  const rt = (window.rtTwin ??= {});
  const LEVELS_GY = [5, 20, 30, 45, 60, 70, 100, 150];
  const LEVELS_PERCENT = [10, 20, 50, 80, 90, 95, 100, 107];
  const MOST_GY = 20; // of a difference of doses

  rt.Viewer.learn(
    class Scene {
      scene(panel) {
        const { state, manifest } = this;
        const plane = this.planeOf(panel);
        const through = rt.PLANES[plane].through;
        const k = Math.round(panel.view.at[through]);
        const frame = panel.frame >= 0 ? manifest.frames[panel.frame] : null;
        const shown = panel.shown ?? {};
        const first = this.panels[0];
        const differs = state.difference && panel.n > 0 && Boolean(first.shown);
        const scan = this.scanOf(panel);
        const doses = differs && shown.dose?.dose && first.shown.dose?.dose ? { mine: shown.dose.dose, other: first.shown.dose.dose, most: MOST_GY } : null;
        const alone = scan && scan.how !== "overlay" ? this.alone(scan) : null;
        const mode = differs && !doses ? "difference" : alone ? "scan" : "ct";
        const layers = doses ? [] : this.layers(panel, mode);
        const picture = alone && this.pictureOf(panel);
        const generated = panel.spec.generated ?? (Boolean(frame && !frame.acquired) || manifest.in_silico || Boolean(shown.dose && manifest.dose_simulated));
        const pair = panel.spec.pair ? this.pairOf(panel) : null;
        const bare = picture || (mode === "scan" && scan.how === "mip");
        return {
          grid: this.grid, plane, k, mode: panel.spec.pair && !pair ? "empty" : mode, layers, doses, pair, ...picture?.place,
          zoom: panel.view.zoom, pan: this.panOf(panel, plane),
          window: this.window(), inverted: state.inverted, colours: state.colours,
          baseline: this.baseline, followUp: shown.followup, other: first.shown?.followup,
          alone: picture ? { ...alone, volume: picture.volume } : alone,
          outlines: bare ? [] : this.outlinesOf(shown),
          marks: this.marks.filter((mark) => mark.panel === panel.n && mark.plane === plane && mark.k === k),
          crosshair: this.crosshair && !bare ? panel.view.at : null,
          title: this.title(panel, frame, mode, shown, doses, pair),
          corner: picture ? ["projection"] : this.cornerOf(panel, plane, k, shown, doses),
          simulated: generated ? manifest.simulated : null,
          bars: pair ? this.pairBars(pair) : this.bars(alone ? [...layers, alone] : layers, mode, doses),
        };
      }

      /** The window that is shown: one of the names, or one that was dragged. */
      window() {
        return this.state.level ? { name: "Window", ...this.state.level } : rt.WINDOWS[this.state.window];
      }

      /** How far a view is moved in a plane, mm across and down: kept along the patient's axes, so that planes move together. */
      panOf(panel, plane) {
        const p = rt.PLANES[plane];
        return [panel.view.pan[p.across], (p.up ? -1 : 1) * panel.view.pan[p.down]];
      }

      layers(panel, mode) {
        const { dose } = panel.shown ?? {};
        const layers = [];
        if (dose?.dose) {
          const max = this.doseMax(dose.dose);
          const found = this.levels(panel, max).filter((level) => !this.state.levelsOff.includes(level.name));
          const names = new Map(found.map((level) => [level.gy, level.name]));
          layers.push({
            volume: dose.dose, ramp: this.layer("dose").colour, low: 0, max, from: 5, fade: 40, opacity: this.state.wash ? 0.45 : 0,
            levels: [...names.keys()], name: (gy) => names.get(gy), unit: this.doseUnit(panel),
          });
        }
        const scan = this.scanOf(panel);
        if (scan?.how === "overlay" && mode === "ct") layers.push(this.over(scan, this.state.opacity));
        return layers;
      }

      /** A scan in colours over the CT. */
      over(scan, opacity) {
        const { low, max, step } = this.scale(scan);
        return { volume: scan.volume, ramp: scan.layer.colour, low, max, from: low + step, fade: 2 * step, opacity, unit: unitOf(scan.layer), share: scan.layer.unit === "1" };
      }

      doseMax(volume) {
        return this.state.unit.startsWith("eqd2") ? Math.max(volume.scale * 30000 + volume.base, 1) : this.manifest.dose_max_gy;
      }

      /** The isodoses that the chosen unit has, each with its dose and its words. */
      levels(panel, max) {
        const prescribed = this.planOf(panel)?.total_gy ?? this.manifest.prescribed_gy ?? 0;
        if (this.state.unit === "%") return LEVELS_PERCENT.map((p) => ({ gy: (p * prescribed) / 100, name: `${p} %` })).filter(({ gy }) => gy > 0 && gy < max);
        return LEVELS_GY.filter((gy) => gy < max).map((gy) => ({ gy, name: `${gy} Gy` }));
      }

      /** Gy or EQD2, and by what the dose was calculated where that was no planning system. */
      doseUnit(panel) {
        const method = this.manifest.plans ? this.planOf(panel)?.dose : this.manifest.dose_method;
        const unit = this.state.unit.startsWith("eqd2") ? `Gy EQD2, \u03b1/\u03b2 ${this.state.unit.split("-")[1]}` : "Gy";
        return method && method !== "planning system" ? `${unit}, ${method.split(",")[0]}` : unit;
      }

      /** The chosen scan with its voxels, where this day has one. */
      scanOf(panel) {
        const scan = this.scan(panel);
        const volume = scan && panel.shown?.scan?.[scan.layer.name];
        return volume ? { ...scan, volume } : null;
      }

      /** Both ends of a scan's scale, and a tenth of it; HU are shown in the CT's window, SUV in the one that was set. */
      scale({ layer, volume }) {
        const { width, level } = this.window();
        let [low, max] = layer.unit === "HU" ? [level - width / 2, level + width / 2] : [layer.low ?? volume.base, volume.high];
        if (layer.unit === "SUV" && this.state.suv) [low, max] = this.state.suv;
        return { low, max, step: (max - low) / 10 };
      }

      /** A scan in the place of the CT: coloured ones dark on white, as nuclear medicine shows them. */
      alone(scan) {
        const { low, max } = this.scale(scan);
        const dark = scan.layer.draw === "overlay" || this.state.inverted;
        return { volume: scan.volume, ramp: dark ? "inverse" : "grey", low, max, from: -Infinity, fade: 1, opacity: 1, unit: unitOf(scan.layer), project: scan.how === "mip", share: scan.layer.unit === "1" };
      }

      /** A scan that is shown alone and is one voxel deep, as a radiograph: a picture of its own plane, on its own grid. */
      pictureOf(panel) {
        const scan = this.scanOf(panel);
        const deep = scan?.how === "only" ? scan.volume.shape.map((n, axis) => [n, axis]).filter(([n]) => n === 1) : [];
        if (deep.length !== 1) return null;
        const [[, axis]] = deep;
        const plane = Object.keys(rt.PLANES).find((name) => rt.PLANES[name].through === axis);
        const spacing = this.grid.spacing.map((mm, a) => mm / Math.abs(scan.volume.step[a]));
        const grid = { ...this.grid, shape: scan.volume.shape, spacing };
        return { place: { grid, plane, k: 0 }, volume: { ...scan.volume, zero: [0, 0, 0], step: [1, 1, 1] } };
      }

      bars(layers, mode, doses) {
        const ticks = ({ low, max }) => [0, 1, 2, 3, 4].map((n) => Number((low + ((max - low) * n) / 4).toPrecision(3)));
        const bars = layers.map((l) => {
          const times = l.share ? 100 : 1;
          const scaled = { low: l.low * times, max: l.max * times };
          return { ramp: l.ramp, ...scaled, unit: l.unit, ticks: l.levels && this.state.unit !== "%" ? l.levels : ticks(scaled) };
        });
        if (mode === "difference") bars.push(change(rt.DIFFERENCE_HU, "HU"));
        if (doses) bars.push(change(doses.most, this.state.unit.startsWith("eqd2") ? "Gy EQD2" : "Gy"));
        return bars;
      }

      /** Whether a structure's outline is drawn: as its list has it, else as the choice above the viewers does. */
      drawn(name, role) {
        const { picked, structures } = this.state;
        return picked[name] ?? (structures === "all" || (structures === "tumour" && role === "GTV"));
      }

      outlinesOf(shown) {
        const lines = [];
        const mine = [];
        const tumours = []; // on top: their edge is often a lung's edge too
        for (const layer of this.manifest.layers) {
          const mask = layer.draw === "outline" && shown.followup?.[layer.name];
          if (!mask || !this.drawn(layer.label, layer.role)) continue;
          if (layer.role === "GTV") mine.push({ id: mask.id, mask, colour: layer.colour, width: 1.8, halo: true });
          else lines.push({ id: mask.id, mask, colour: layer.colour, width: 1, dash: [1, 3] });
        }
        for (const [name, mask] of Object.entries(this.structures)) {
          if (!this.drawn(name, mask.role)) continue;
          if (mask.role === "GTV") tumours.push({ id: `base${name}`, mask, colour: mask.colour, width: 1.4, dash: mine.length ? [5, 4] : null, halo: true });
          else lines.push({ id: `base${name}`, mask, colour: mask.colour, width: 1.1, dash: mask.estimated ? [2, 2] : null });
        }
        return [...lines, ...tumours, ...mine];
      }
    },
  );

  const unitOf = (layer) => (layer.unit === "1" ? "% of samples" : layer.unit);
  const change = (most, unit) => ({ ramp: "difference", low: -most, max: most, unit, ticks: [-most, 0, most] });
})();
