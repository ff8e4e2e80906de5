// The hand on mouse, wheel and keys.
(() => {
  const rt = (window.rtTwin ??= {});
  const CHOICES = {
    structures: ["none", "tumour", "all"],
    dose: ["off", "todate", "full"],
    plane: ["axial", "coronal", "sagittal"],
    difference: [false, true],
  };

  rt.Viewer.learn(
    class Hand {
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
        } else if (event.shiftKey && !this.pictureOf(panel)) {
          this.crosshair = true;
          panel.view.at = index.map((v, a) => Math.max(0, Math.min(this.grid.shape[a] - 1, Math.round(v))));
          this.baseline.load(panel.view.at[0]);
        }
        this.point(this.pictureOf(panel) ? null : { index, panel });
      }

      place(panel) {
        const plane = panel.spec.plane ?? this.state.plane;
        const k = Math.round(panel.view.at[rt.PLANES[plane].through]);
        return { grid: this.grid, plane, k, zoom: panel.view.zoom, pan: panel.view.pan, ...this.pictureOf(panel)?.place };
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

      /** The follow-up nearest to a day. */
      chooseDay(day) {
        const { days } = this.manifest;
        this.choose("day", days.reduce((best, d) => (Math.abs(d - day) < Math.abs(best - day) ? d : best), days[0]));
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
        const own = { scan: this.manifest.scans, ...(this.manifest.of === "twin" && { dose: ["off", "full"] }) };
        const values = own[name] ?? CHOICES[name];
        this.choose(name, values[(values.indexOf(this.state[name]) + 1) % values.length]);
      }
    },
  );
})();
