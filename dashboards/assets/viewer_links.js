// A view as an address, which restores all that is seen, and a panel as a saved picture.
(() => {
  const rt = (window.rtTwin ??= {});
  const COMMON = ["plane", "window", "dose", "structures"]; // the page's controls begin with these
  const viewWords = ({ at, zoom, pan }) => [...at.map(Math.round), zoom.toFixed(2), ...pan.map((mm) => mm.toFixed(0))].join(",");
  const numbers = (text) => (text ?? "").split(",").map(Number);

  rt.Viewer.learn(
    class Links {
      /** Keep the view in the address, so that it can be sent and opened again; what is as it begins is left out. */
      remember() {
        const query = new URLSearchParams(window.location.search);
        const { state, manifest } = this;
        const put = (name, value) => (value === "" || value === null || value === undefined ? query.delete(name) : query.set(name, value));
        put(manifest.of, manifest.key);
        put("at", this.lps(this.panels[0].view.at).map((v) => v.toFixed(1)).join(","));
        const { zoom, pan } = this.panels[0].view;
        put("zoom", zoom > 1 ? zoom.toFixed(2) : "");
        put("pan", pan.some((mm) => Math.abs(mm) > 0.5) ? pan.map((mm) => mm.toFixed(0)).join(",") : "");
        put("day", Number(state.day.toFixed(3)));
        for (const name of COMMON) put(name, state[name]);
        for (const value of manifest.scans) query.delete(value.split(":")[0]);
        const [scan, how] = state.scan.split(":");
        if (how) put(scan, how);
        put("level", state.level ? `${state.level.width},${state.level.level}` : "");
        put("inverted", state.inverted ? "yes" : "");
        put("difference", state.difference ? "yes" : "");
        put("unlinked", state.linked ? "" : this.panels.map((panel) => viewWords(panel.view)).join("|"));
        put("unit", state.unit === "Gy" ? "" : state.unit);
        put("wash", state.wash ? "" : "no");
        put("off", state.levelsOff.join("|"));
        put("picked", Object.entries(state.picked).map(([name, on]) => `${on ? "+" : "-"}${name}`).join("|"));
        put("opacity", state.opacity === rt.Viewer.FRESH.opacity ? "" : state.opacity);
        put("suv", state.suv ? state.suv.join(",") : "");
        put("crosshair", this.crosshair ? "yes" : "");
        if (manifest.plans) {
          const seen = this.visible().length ? this.panels : [];
          put("plans", seen.map((panel) => panel.own.plan).join(","));
          put("layout", state.layout);
          put("days", seen.some((p) => p.own.day !== null) ? seen.map((p) => p.own.day ?? "").join(",") : "");
          put("scans", seen.some((p) => p.own.scan !== null) ? seen.map((p) => p.own.scan ?? "").join(",") : "");
          put("largest", state.largest);
        }
        window.history.replaceState(window.history.state, "", `${window.location.pathname}?${query}`);
      }

      restore() {
        const query = new URLSearchParams(window.location.search);
        const { state, manifest } = this;
        if (query.get(manifest.of) !== manifest.key) return;
        const at = numbers(query.get("at"));
        if (at.length === 3 && at.every(Number.isFinite)) this.shared.at = this.indexOf(at);
        const zoom = Number(query.get("zoom"));
        if (zoom > 1 && zoom <= 12) this.shared.zoom = zoom;
        const pan = numbers(query.get("pan"));
        if (pan.length === 3 && pan.every(Number.isFinite)) this.shared.pan = pan;
        const level = numbers(query.get("level"));
        if (level.length === 2 && level.every(Number.isFinite) && level[0] > 0) state.level = { width: level[0], level: level[1] };
        state.inverted = query.get("inverted") === "yes";
        state.difference = query.get("difference") === "yes";
        if (/^(%|eqd2-(3|10))$/.test(query.get("unit"))) state.unit = query.get("unit");
        state.wash = query.get("wash") !== "no";
        state.levelsOff = (query.get("off") ?? "").split("|").filter(Boolean);
        state.picked = Object.fromEntries((query.get("picked") ?? "").split("|").filter(Boolean).map((word) => [word.slice(1), word[0] === "+"]));
        const opacity = Number(query.get("opacity") ?? NaN);
        if (opacity >= 0 && opacity <= 1) state.opacity = opacity;
        const suv = numbers(query.get("suv"));
        if (suv.length === 2 && suv.every(Number.isFinite) && suv[0] < suv[1]) state.suv = suv;
        this.crosshair = query.get("crosshair") === "yes";
        if (manifest.plans) this.restorePanels(query);
        const views = (query.get("unlinked") ?? "").split("|").map(numbers);
        if (query.has("unlinked")) {
          state.linked = false;
          this.panels.forEach((panel, n) => (panel.view = viewOf(views[n]) ?? structuredClone(this.shared)));
        }
      }

      /** What each panel has of its own; what this run has not is passed over. */
      restorePanels(query) {
        const { manifest, state } = this;
        const each = (name, take) => (query.get(name) ?? "").split(",").forEach((word, n) => word && this.panels[n] && take(this.panels[n].own, word));
        each("plans", (own, word) => manifest.plans.some((plan) => plan.slug === word) && (own.plan = word));
        each("days", (own, word) => manifest.days.includes(Number(word)) && (own.day = Number(word)));
        each("scans", (own, word) => manifest.scan_choices.some(([value]) => value === word) && (own.scan = word));
        if (/^([234]|planes|days|scans)$/.test(query.get("layout"))) state.layout = query.get("layout");
        if (state.layout === "planes") this.panels.forEach((panel, n) => (panel.own.plane = ["axial", "coronal", "sagittal"][n % 3]));
        const largest = query.get("largest");
        if (largest !== null && this.panels[Number(largest)]) setTimeout(() => !this.closed && this.enlarge(this.panels[Number(largest)]), 0);
      }

      /** The index (z, y, x) of a place in the patient, LPS mm. */
      indexOf(lps) {
        const m = this.grid.affine;
        // Columns of the affine are orthogonal: project onto each and divide by its squared length.
        const rest = [0, 1, 2].map((r) => lps[r] - m[r * 4 + 3]);
        const index = [0, 1, 2].map((col) => {
          const column = [0, 1, 2].map((r) => m[r * 4 + col]);
          return column.reduce((sum, v, r) => sum + v * rest[r], 0) / column.reduce((sum, v) => sum + v * v, 0);
        });
        return index.reverse().map((v, a) => Math.max(0, Math.min(this.grid.shape[a] - 1, Math.round(v))));
      }

      /** Save a panel as PNG; its legend, its patient and its SIMULATED stamp are part of the picture. */
      save(n) {
        const panel = this.panels[n];
        panel.drawer.draw(this.scene(panel));
        panel.canvas.toBlob((blob) => {
          const plan = panel.own.plan ?? "twin";
          rt.download(blob, `simulated_${this.manifest.patient}_${plan}_day${this.dayOf(panel).toFixed(0)}.png`);
        });
      }
    },
  );

  const viewOf = (words) => {
    if (words?.length !== 7 || !words.every(Number.isFinite)) return null;
    return { at: words.slice(0, 3), zoom: words[3], pan: words.slice(4) };
  };
})();
