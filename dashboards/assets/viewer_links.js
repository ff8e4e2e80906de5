// A view as an address, and a panel as a saved picture.
(() => {
  const rt = (window.rtTwin ??= {});

  rt.Viewer.learn(
    class Links {
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
        const kept = { day: Number(this.state.day.toFixed(3)), plane: this.state.plane, window: this.state.window, dose: this.state.dose, structures: this.state.structures };
        for (const [name, value] of Object.entries(kept)) query.set(name, value);
        for (const value of this.manifest.scans) query.delete(value.split(":")[0]);
        const [scan, how] = this.state.scan.split(":");
        if (how) query.set(scan, how);
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
    },
  );
})();
