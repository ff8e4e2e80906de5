// Tumour, organs and an isodose in space: drawn by depth on a plain canvas, so that no graphics card is needed.
(() => {
  const rt = (window.rtTwin ??= {});
  const PARTS = 16; // into how many voxels a structure is divided along an edge
  const FINEST_MM = 2.5;
  const COARSEST_MM = 7;
  const SHARE = 0.95; // of the prescription: the isodose
  const ISODOSE = "#ffffff";
  const TURN = 0.01; // radians a pixel
  const KEYS = { ArrowLeft: [-0.15, 0], ArrowRight: [0.15, 0], ArrowUp: [0, -0.15], ArrowDown: [0, 0.15] };
  const FONT = '"Inter", "Segoe UI", "DejaVu Sans", system-ui, sans-serif';
  const rgb = (hex) => [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16));

  rt.Viewer.learn(
    class Solid {
      /** A mask's surface in the patient, LPS mm. */
      solidOf(name, mask, colour, opacity) {
        const { spacing } = this.grid;
        let count = 0;
        for (const v of mask.data) count += v;
        const mm = Math.min(COARSEST_MM, Math.max(FINEST_MM, Math.cbrt(count * spacing[0] * spacing[1] * spacing[2]) / PARTS));
        const field = rt.coarsened(mask, spacing.map((s) => Math.max(1, Math.round(mm / s))));
        const { vertices, quads } = rt.surface(field, 0.5);
        const place = (p) => this.lps(field.toIndex(p).map((v, a) => v + mask.start[a]));
        return { name, colour, opacity, vertices: vertices.map(place), quads };
      }

      /** What stands in space for the first panel: structures, the tumour of the day, and an isodose of the whole course. */
      async solids() {
        const [panel] = this.panels;
        const plan = this.planOf(panel);
        const prescribed = plan?.total_gy ?? this.manifest.prescribed_gy ?? 0;
        const found = [];
        const followed = this.manifest.layers.filter((layer) => layer.role === "GTV" && panel.shown?.followup?.[layer.name]);
        for (const layer of followed) found.push(this.solidOf(`${layer.label} of the day`, panel.shown.followup[layer.name], layer.colour, 0.95));
        for (const [name, mask] of Object.entries(this.structures)) {
          if (mask.role === "EXTERNAL") continue;
          const tumour = mask.role === "GTV";
          found.push(this.solidOf(mask.estimated ? `${name} (estimated)` : name, mask, mask.colour, tumour ? (followed.length ? 0.25 : 0.95) : /lung/i.test(name) ? 0.1 : 0.3));
        }
        const dosed = this.frameOfFullDose(plan);
        if (prescribed > 0 && dosed >= 0) found.push(this.isodose((await this.frame("dose", dosed)).dose, prescribed * SHARE, panel));
        return found.filter((solid) => solid.quads.length);
      }

      isodose(dose, gy, panel) {
        const values = Float32Array.from(dose.data, (v) => v * dose.scale + dose.base);
        const { vertices, quads } = rt.surface({ values, shape: dose.shape }, gy);
        const place = (p) => this.lps(p.map((v, a) => (v - dose.zero[a]) / dose.step[a]));
        const unit = this.doseUnit(panel).replace(/^Gy( EQD2[^,]*(, \u03b1\/\u03b2 \d+)?)?/, "Gy"); // this surface is of physical dose
        return { name: `${Number(gy.toPrecision(3))} ${unit} (${SHARE * 100} %)`, colour: ISODOSE, opacity: 0.22, vertices: vertices.map(place), quads };
      }

      /** Open the sheet and draw; a drag or the arrow keys turn what is shown. */
      async showSolids() {
        window.dash_clientside.set_props("solid-sheet", { opened: true });
        const solids = await this.solids();
        const canvas = await appeared("solid");
        const scene = this.scene(this.panels[0]);
        const all = solids.flatMap((solid) => solid.vertices);
        const ends = [0, 1, 2].map((a) => all.reduce(([low, high], v) => [Math.min(low, v[a]), Math.max(high, v[a])], [Infinity, -Infinity]));
        const view = { yaw: 0.5, pitch: 0.2, zoom: 1, middle: ends.map(([low, high]) => (low + high) / 2), reach: Math.hypot(...ends.map(([low, high]) => high - low)) };
        const shown = { solids, view, title: [scene.title[0], scene.title[1]], stamp: scene.simulated };
        const draw = () => drawSolids(canvas, shown);
        const turn = (yaw, pitch) => {
          view.yaw += yaw;
          view.pitch = Math.max(-1.5, Math.min(1.5, view.pitch + pitch));
          requestAnimationFrame(draw);
        };
        canvas.onpointerdown = (event) => canvas.setPointerCapture(event.pointerId);
        canvas.onpointermove = (event) => event.buttons & 1 && turn(event.movementX * TURN, event.movementY * TURN);
        canvas.onkeydown = (event) => {
          if (!KEYS[event.key]) return;
          event.preventDefault();
          event.stopPropagation();
          turn(...KEYS[event.key]);
        };
        canvas.onwheel = (event) => {
          event.preventDefault();
          view.zoom = Math.max(0.5, Math.min(6, view.zoom * (event.deltaY < 0 ? 1.1 : 1 / 1.1)));
          requestAnimationFrame(draw);
        };
        draw();
        this.solid = shown;
      }
    },
  );

  async function appeared(id) {
    for (;;) {
      const element = document.getElementById(id);
      if (element?.clientWidth) return element;
      await new Promise((resolve) => setTimeout(resolve, 30));
    }
  }

  /** All quads of all solids, the farthest first; light comes from where one looks. */
  function drawSolids(canvas, { solids, view, title, stamp }) {
    const ratio = window.devicePixelRatio || 1;
    canvas.width = canvas.clientWidth * ratio;
    canvas.height = canvas.clientHeight * ratio;
    const c = canvas.getContext("2d");
    c.fillStyle = "#000000";
    c.fillRect(0, 0, canvas.width, canvas.height);
    const scale = (Math.min(canvas.width, canvas.height) / view.reach) * view.zoom;
    const [cosY, sinY, cosP, sinP] = [Math.cos(view.yaw), Math.sin(view.yaw), Math.cos(view.pitch), Math.sin(view.pitch)];
    const faces = [];
    for (const { vertices, quads, colour, opacity } of solids) {
      const tint = rgb(colour);
      const seen = vertices.map((v) => {
        const [x, y, z] = v.map((mm, a) => mm - view.middle[a]);
        const [across, away] = [x * cosY - y * sinY, x * sinY + y * cosY]; // from the front, the patient's left at the right
        return [canvas.width / 2 + across * scale, canvas.height / 2 - (z * cosP - away * sinP) * scale, (away * cosP + z * sinP) * scale];
      });
      for (const quad of quads) {
        const [p, q, , s] = quad.map((n) => seen[n]);
        const [u, v] = [q.map((m, a) => m - p[a]), s.map((m, a) => m - p[a])];
        const normal = [u[1] * v[2] - u[2] * v[1], u[2] * v[0] - u[0] * v[2], u[0] * v[1] - u[1] * v[0]];
        const light = 0.35 + 0.65 * (Math.abs(normal[2]) / (Math.hypot(...normal) || 1));
        const shade = tint.map((m) => Math.round(m * light)).join(",");
        faces.push({ corners: quad.map((n) => seen[n]), away: quad.reduce((sum, n) => sum + seen[n][2], 0), fill: `rgba(${shade},${opacity})` });
      }
    }
    faces.sort((a, b) => b.away - a.away);
    for (const { corners, fill } of faces) {
      c.fillStyle = fill;
      c.beginPath();
      corners.forEach(([x, y], n) => (n ? c.lineTo(x, y) : c.moveTo(x, y)));
      c.fill();
    }
    legend(c, canvas, solids, title, stamp, ratio);
  }

  function legend(c, canvas, solids, title, stamp, ratio) {
    const size = 12 * ratio;
    c.textBaseline = "top";
    c.textAlign = "left";
    title.forEach((text, n) => {
      c.font = `${n ? 400 : 700} ${size}px ${FONT}`;
      c.fillStyle = "#ffffff";
      c.fillText(text, 8 * ratio, (8 + 18 * n) * ratio);
    });
    solids.forEach(({ name, colour }, n) => {
      const y = canvas.height - (solids.length - n) * 16 * ratio - 8 * ratio;
      c.fillStyle = colour;
      c.fillRect(8 * ratio, y + 2 * ratio, 10 * ratio, 10 * ratio);
      c.fillStyle = "#dde3ea";
      c.font = `${size}px ${FONT}`;
      c.fillText(name, 24 * ratio, y);
    });
    if (!stamp) return;
    c.font = `700 ${size}px ${FONT}`;
    const wide = c.measureText(stamp).width + 12 * ratio;
    c.fillStyle = "#ffb000";
    c.fillRect(canvas.width - wide - 6 * ratio, 6 * ratio, wide, size + 8 * ratio);
    c.fillStyle = "#1a1200";
    c.fillText(stamp, canvas.width - wide, 10 * ratio);
  }

  document.addEventListener("click", (event) => {
    if (event.target.closest?.("[data-solid]") && rt.viewer && !rt.viewer.closed) rt.viewer.showSolids();
  });
})();
