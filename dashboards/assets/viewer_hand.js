// The hand on mouse, wheel and keys.
(() => {
  const rt = (window.rtTwin ??= {});
  const CHOICES = {
    structures: ["none", "tumour", "all"],
    dose: ["off", "todate", "full"],
    plane: ["axial", "coronal", "sagittal"],
    difference: [false, true],
  };
  const CLICK_PX = 4; // a press that moves less is a click

  rt.Viewer.learn(
    class Hand {
      step(by, panel = this.panels[0]) {
        const through = rt.PLANES[this.planeOf(panel)].through;
        this.goTo(panel, through, Math.round(panel.view.at[through]) + by);
      }

      goTo(panel, axis, k) {
        const since = performance.now();
        panel.view.at[axis] = Math.max(0, Math.min(this.grid.shape[axis] - 1, k));
        if (axis === 0) this.baseline.load(panel.view.at[0]);
        this.draw(since);
      }

      /** Look at an index (z, y, x), with the crosshair on it. */
      lookAt(panel, index) {
        this.crosshair = true;
        panel.view.at = index.map((v, a) => Math.max(0, Math.min(this.grid.shape[a] - 1, Math.round(v))));
        this.baseline.load(panel.view.at[0]);
        this.draw();
      }

      wheel(panel, event) {
        event.preventDefault();
        this.active = panel;
        if (event.ctrlKey) return this.zoom(event.deltaY < 0 ? 1.15 : 1 / 1.15, panel, event);
        this.turned = (this.turned ?? 0) + event.deltaY * (event.deltaMode ? 40 : 1);
        const notches = Math.trunc(this.turned / 40);
        if (!notches) return;
        this.turned -= notches * 40;
        const by = Math.sign(notches) * Math.max(1, Math.round(Math.abs(notches) / 3));
        this.step(this.planeOf(panel) === "axial" ? -by : by, panel);
      }

      /** Zoom, what lies under the pointer staying where it is; by the keys about the middle. */
      zoom(by, panel = this.active ?? this.panels[0], event = null) {
        const { view } = panel;
        const before = view.zoom;
        view.zoom = Math.max(1, Math.min(12, before * by));
        if (event) {
          const ratio = window.devicePixelRatio || 1;
          const { fit } = panel.drawer.place(this.place(panel));
          const from = [event.offsetX * ratio - panel.canvas.width / 2, event.offsetY * ratio - panel.canvas.height / 2];
          this.shift(panel, from.map((px) => (px / fit) * (1 - view.zoom / before)));
        }
        this.draw();
      }

      /** Move a view in its plane, mm across and down. */
      shift(panel, [across, down]) {
        const p = rt.PLANES[this.planeOf(panel)];
        panel.view.pan[p.across] += across;
        panel.view.pan[p.down] += (p.up ? -1 : 1) * down;
      }

      reset() {
        this.shared = this.freshView();
        this.crosshair = false;
        this.marks = [];
        for (const panel of this.panels) panel.view = this.state.linked ? this.shared : this.freshView();
        this.draw();
      }

      press(panel, event) {
        panel.canvas.setPointerCapture?.(event.pointerId);
        panel.canvas.focus({ preventScroll: true });
        this.active = panel;
        const tool = event.button === 2 ? "window" : this.state.tool;
        this.drag = { tool, at: [event.clientX, event.clientY], from: [event.clientX, event.clientY], index: this.indexAt(panel, event), far: false };
      }

      release(panel, event) {
        const { drag } = this;
        this.drag = null;
        if (drag && !drag.far && event.button === 0 && !this.pictureOf(panel)) this.lookAt(panel, drag.index);
      }

      move(panel, event) {
        if (this.drag && event.buttons & 3) this.dragged(panel, event);
        else if (event.shiftKey && !this.pictureOf(panel)) this.lookAt(panel, this.indexAt(panel, event));
        this.point(this.pictureOf(panel) ? null : { index: this.indexAt(panel, event), panel });
      }

      /** What a drag does: moves the view, sets the window, or measures. */
      dragged(panel, event) {
        const { drag } = this;
        const by = [event.clientX - drag.at[0], event.clientY - drag.at[1]];
        if (!drag.far && Math.hypot(event.clientX - drag.from[0], event.clientY - drag.from[1]) < CLICK_PX) return;
        drag.far = true;
        drag.at = [event.clientX, event.clientY];
        if (drag.tool === "window") return this.dragWindow(by);
        if (drag.tool === "distance" || drag.tool === "ellipse") return this.mark(panel, drag, this.indexAt(panel, event));
        const { fit } = panel.drawer.place(this.place(panel));
        this.shift(panel, by.map((px) => (px * (window.devicePixelRatio || 1)) / fit));
        this.draw();
      }

      /** Wider to the right, brighter upwards, as elsewhere. */
      dragWindow([x, y]) {
        const { width, level } = this.window();
        const speed = Math.max(1, width / 300);
        this.state.level = { width: Math.max(1, Math.round(width + x * speed)), level: Math.round(level + y * speed) };
        this.draw();
      }

      indexAt(panel, event) {
        const ratio = window.devicePixelRatio || 1;
        return panel.drawer.indexAt(this.place(panel), event.offsetX * ratio, event.offsetY * ratio);
      }

      place(panel) {
        const plane = this.planeOf(panel);
        const k = Math.round(panel.view.at[rt.PLANES[plane].through]);
        return { grid: this.grid, plane, k, zoom: panel.view.zoom, pan: this.panOf(panel, plane), ...this.pictureOf(panel)?.place };
      }

      point(probe) {
        this.probe = probe;
        this.draw();
      }

      /** Play through the days by their distances, as long as the last one asked for. */
      play(on = !this.playing) {
        clearTimeout(this.playing);
        this.playing = null;
        if (!on) return;
        const next = () => {
          const from = this.state.day;
          this.stepDay(1, true);
          const passed = Math.max(0, this.state.day - from);
          this.playing = setTimeout(next, rt.dayMs(passed));
        };
        this.playing = setTimeout(next, rt.dayMs(0));
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
        if (name === "window") this.state.level = null;
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
