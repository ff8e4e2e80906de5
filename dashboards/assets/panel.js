// One picture: a CT slice with what is laid over it, and its legend burnt in.
(() => {
  const rt = (window.rtTwin ??= {});

  const WINDOWS = {
    soft: { name: "Soft tissue", width: 400, level: 40 },
    lung: { name: "Lung", width: 1500, level: -600 },
    bone: { name: "Bone", width: 2500, level: 480 },
    brain: { name: "Brain", width: 80, level: 40 },
  };
  const FONT = '"Inter", "Segoe UI", "DejaVu Sans", system-ui, sans-serif';

  // Colour maps as a few stops, perceptually ordered; layers name theirs.
  const PLASMA = [[13, 8, 135], [84, 2, 163], [139, 10, 165], [185, 50, 137], [219, 92, 104], [244, 136, 73], [254, 188, 43], [240, 249, 33]];
  const HOT = [[0, 0, 0], [130, 0, 0], [230, 40, 0], [255, 140, 0], [255, 220, 60], [255, 255, 230]];

  function ramp(stops) {
    const table = new Uint8Array(256 * 3);
    for (let i = 0; i < 256; i++) {
      const at = (i / 255) * (stops.length - 1);
      const low = Math.min(stops.length - 2, Math.floor(at));
      for (let c = 0; c < 3; c++) table[i * 3 + c] = stops[low][c] + (stops[low + 1][c] - stops[low][c]) * (at - low);
    }
    return table;
  }
  const GREY = [[0, 0, 0], [255, 255, 255]];
  const RAMPS = { plasma: ramp(PLASMA), hot: ramp(HOT), grey: ramp(GREY), inverse: ramp([...GREY].reverse()) };

  // Differences: brown to violet over black, as PuOr of ColorBrewer; told apart by the colour-blind.
  const LOSS = [230, 120, 20];
  const GAIN = [150, 110, 240];
  const DIFFERENCE_HU = 200;
  const ISODOSE = "#ffffff"; // isodoses are white and labelled, contours have colours: no line can be taken for the other

  const greys = new Map();
  /** HU + 32768 -> RGBA for a window, in grey or the colours of a ramp; the last few are kept. */
  function grey({ width, level }, inverted, colours = "grey") {
    const key = `${width} ${level} ${inverted} ${colours}`;
    const ramp = RAMPS[colours];
    if (!greys.has(key)) {
      if (greys.size > 12) greys.clear();
      const table = new Uint32Array(65536);
      for (let i = 0; i < 65536; i++) {
        let v = Math.max(0, Math.min(255, Math.round(((i - 32768 - level) / width + 0.5) * 255)));
        if (inverted) v = 255 - v;
        table[i] = 0xff000000 | (ramp[v * 3 + 2] << 16) | (ramp[v * 3 + 1] << 8) | ramp[v * 3];
      }
      greys.set(key, table);
    }
    return greys.get(key);
  }

  /** Draws into one canvas; `scene` says what (see viewer.js), so that nothing is remembered but buffers. */
  class Panel {
    constructor(canvas) {
      this.canvas = canvas;
      this.buffer = document.createElement("canvas");
      this.wash = document.createElement("canvas");
      this.outlines = new Map();
    }

    /** The transform from pixel centres of the slice to canvas pixels. */
    place(scene) {
      const p = rt.PLANES[scene.plane];
      const grid = scene.grid;
      const mm = [grid.shape[p.across] * grid.spacing[p.across], grid.shape[p.down] * grid.spacing[p.down]];
      const fit = Math.min(this.canvas.width / mm[0], this.canvas.height / mm[1]) * scene.zoom;
      const left = (this.canvas.width - mm[0] * fit) / 2 + scene.pan[0] * fit;
      const top = (this.canvas.height - mm[1] * fit) / 2 + scene.pan[1] * fit;
      return { sx: fit * grid.spacing[p.across], sy: fit * grid.spacing[p.down], left, top, fit };
    }

    /** The index (z, y, x) of the shown grid under a canvas pixel, not rounded. */
    indexAt(scene, x, y) {
      const p = rt.PLANES[scene.plane];
      const t = this.place(scene);
      const index = [0, 0, 0];
      index[p.through] = scene.k;
      index[p.across] = (x - t.left) / t.sx - 0.5;
      const down = (y - t.top) / t.sy - 0.5;
      index[p.down] = p.up ? scene.grid.shape[p.down] - 1 - down : down;
      return index;
    }

    resize() {
      const ratio = window.devicePixelRatio || 1;
      const width = Math.max(1, Math.round(this.canvas.clientWidth * ratio));
      const height = Math.max(1, Math.round(this.canvas.clientHeight * ratio));
      if (this.canvas.width !== width || this.canvas.height !== height) Object.assign(this.canvas, { width, height });
    }

    draw(scene) {
      this.resize();
      const c = this.canvas.getContext("2d");
      c.setTransform(1, 0, 0, 1, 0, 0);
      c.fillStyle = "#000";
      c.fillRect(0, 0, this.canvas.width, this.canvas.height);
      if (scene.mode !== "empty") {
        const place = this.place(scene);
        if (scene.pair) this.drawPair(c, scene, place);
        else this.drawImage(c, scene, place);
        for (const layer of scene.layers) this.drawWash(c, scene, place, layer);
        if (scene.doses) this.drawChange(c, scene, place, scene.doses);
        this.drawOutlines(c, scene, place);
        if (scene.crosshair) this.drawCrosshair(c, scene, place);
        for (const mark of scene.marks) this.drawMark(c, scene, place, mark);
        this.drawFrame(c, scene, place);
      }
      this.drawText(c, scene);
    }

    drawImage(c, scene, place) {
      const p = rt.PLANES[scene.plane];
      const width = scene.grid.shape[p.across];
      const height = scene.grid.shape[p.down];
      if (scene.alone) return this.drawWash(c, scene, place, scene.alone);
      const voxels = this.cut(scene, scene.followUp);
      if (scene.mode === "difference") this.putDifference(width, height, voxels, this.cut(scene, scene.other));
      else this.put(width, height, voxels, grey(scene.window, scene.inverted, scene.colours));
      c.imageSmoothingEnabled = true;
      c.imageSmoothingQuality = "medium";
      c.drawImage(this.buffer, place.left, place.top, width * place.sx, height * place.sy);
    }

    /** The HU of the shown slice: the acquired CT, and what a follow-up changed in it. */
    cut(scene, followUp) {
      const p = rt.PLANES[scene.plane];
      const voxels = new Int16Array(scene.grid.shape[p.across] * scene.grid.shape[p.down]).fill(-1024);
      rt.lay(voxels, scene.grid, scene.plane, scene.k, scene.baseline);
      if (followUp?.ct) rt.lay(voxels, scene.grid, scene.plane, scene.k, followUp.ct);
      return voxels;
    }

    /** The buffer and its pixels, kept from one slice to the next: new ones would have to be collected. */
    pictured(width, height) {
      const context = this.buffer.getContext("2d");
      if (this.image?.width !== width || this.image.height !== height) {
        Object.assign(this.buffer, { width, height });
        this.image = context.createImageData(width, height);
      }
      return { context, image: this.image };
    }

    /** Denser than the first plan in violet, less dense in orange. */
    putDifference(width, height, voxels, others) {
      const { context, image } = this.pictured(width, height);
      for (let i = 0, to = 0; i < voxels.length; i++, to += 4) {
        const change = Math.max(-1, Math.min(1, (voxels[i] - others[i]) / DIFFERENCE_HU));
        const colour = change < 0 ? LOSS : GAIN;
        for (let c = 0; c < 3; c++) image.data[to + c] = colour[c] * Math.sqrt(Math.abs(change));
        image.data[to + 3] = 255;
      }
      context.putImageData(image, 0, 0);
    }

    put(width, height, voxels, table) {
      const { context, image } = this.pictured(width, height);
      const pixels = new Uint32Array(image.data.buffer);
      for (let i = 0; i < pixels.length; i++) pixels[i] = table[voxels[i] + 32768];
      context.putImageData(image, 0, 0);
    }

    drawWash(c, scene, place, layer) {
      const slice = layer.project ? rt.coarseProjection(layer.volume, scene.plane) : rt.coarseSlice(layer.volume, scene.plane, scene.k);
      if (!slice) return;
      const table = RAMPS[layer.ramp];
      this.paint(c, scene, place, layer.volume, slice, (value, pixel, at) => {
        const share = Math.max(0, Math.min(1, (value - layer.low) / (layer.max - layer.low)));
        const index = Math.round(share * 255) * 3;
        pixel[at] = table[index];
        pixel[at + 1] = table[index + 1];
        pixel[at + 2] = table[index + 2];
        pixel[at + 3] = value < layer.from ? 0 : 255 * layer.opacity * Math.min(1, (value - layer.from) / layer.fade);
      });
      if (layer.levels) this.drawIsodoses(c, scene, place, layer, slice);
    }

    /** Where one has more than the other in violet, less in orange, the clearer the more. */
    drawChange(c, scene, place, { mine, other, most }) {
      const slice = rt.coarseChange(mine, other, scene.plane, scene.k);
      if (!slice) return;
      this.paint(c, scene, place, mine, slice, (value, pixel, at) => {
        const share = Math.max(-1, Math.min(1, value / most));
        const colour = share < 0 ? LOSS : GAIN;
        for (let i = 0; i < 3; i++) pixel[at + i] = colour[i];
        pixel[at + 3] = 230 * Math.sqrt(Math.abs(share));
      });
    }

    /** A measured distance or ellipse, and its words. */
    drawMark(c, scene, place, { kind, a, b, words }) {
      const ratio = window.devicePixelRatio || 1;
      const p = rt.PLANES[scene.plane];
      const at = (index) => {
        const down = p.up ? scene.grid.shape[p.down] - 1 - index[p.down] : index[p.down];
        return [place.left + (index[p.across] + 0.5) * place.sx, place.top + (down + 0.5) * place.sy];
      };
      const [[x0, y0], [x1, y1]] = [at(a), at(b)];
      const path = new Path2D();
      if (kind === "distance") {
        path.moveTo(x0, y0);
        path.lineTo(x1, y1);
      } else path.ellipse((x0 + x1) / 2, (y0 + y1) / 2, Math.abs(x1 - x0) / 2, Math.abs(y1 - y0) / 2, 0, 0, 2 * Math.PI);
      for (const [colour, wide] of [["rgba(0,0,0,0.7)", 3.5], ["#7bf1a8", 1.5]]) {
        c.strokeStyle = colour;
        c.lineWidth = wide * ratio;
        c.stroke(path);
      }
      c.font = `600 ${11 * ratio}px ${FONT}`;
      c.textBaseline = "top";
      words.forEach((text, n) => label(c, text, Math.max(x0, x1) + 6 * ratio, Math.max(y0, y1) + (n * 14 - 6) * ratio, "left", "#7bf1a8"));
    }

    /** Colour a coarse slice and stretch it over the picture; the browser's scaling interpolates. */
    paint(c, scene, place, coarse, slice, colour) {
      const context = Object.assign(this.wash, { width: slice.width, height: slice.height }).getContext("2d");
      const image = context.createImageData(slice.width, slice.height);
      for (let i = 0; i < slice.values.length; i++) colour(slice.values[i], image.data, i * 4);
      context.putImageData(image, 0, 0);
      c.save();
      c.beginPath();
      const p = rt.PLANES[scene.plane];
      c.rect(place.left, place.top, scene.grid.shape[p.across] * place.sx, scene.grid.shape[p.down] * place.sy);
      c.clip();
      c.setTransform(this.coarseMatrix(scene, place, coarse));
      c.imageSmoothingEnabled = true;
      c.drawImage(this.wash, -0.5, -0.5);
      c.restore();
    }

    /** From pixel centres of a coarse slice to canvas pixels. */
    coarseMatrix(scene, place, coarse) {
      const p = rt.PLANES[scene.plane];
      const along = (axis, scale, origin, flipped) => {
        const per = 1 / coarse.step[axis];
        const first = -coarse.zero[axis] * per;
        if (!flipped) return [per * scale, origin + (first + 0.5) * scale];
        return [-per * scale, origin + (scene.grid.shape[axis] - 0.5 - first) * scale];
      };
      const [a, e] = along(p.across, place.sx, place.left, false);
      const [d, f] = along(p.down, place.sy, place.top, p.up);
      return new DOMMatrix([a, 0, 0, d, e, f]);
    }

    drawIsodoses(c, scene, place, layer, slice) {
      const matrix = this.coarseMatrix(scene, place, layer.volume);
      const ratio = window.devicePixelRatio || 1;
      c.font = `600 ${10 * ratio}px ${FONT}`;
      c.textBaseline = "bottom";
      for (const level of layer.levels) {
        const line = rt.isoline(slice.values, slice.width, slice.height, level);
        if (!line.top) continue;
        const path = new Path2D();
        path.addPath(line, matrix);
        for (const [colour, wide] of [["rgba(0,0,0,0.6)", 2.6], [ISODOSE, 1.2]]) {
          c.lineWidth = wide * ratio;
          c.strokeStyle = colour;
          c.stroke(path);
        }
        const at = matrix.transformPoint(new DOMPoint(...line.top));
        label(c, layer.name(level), at.x, at.y - ratio, "center", ISODOSE);
      }
    }

    drawOutlines(c, scene, place) {
      const matrix = new DOMMatrix([place.sx, 0, 0, place.sy, place.left + place.sx / 2, place.top + place.sy / 2]);
      const ratio = window.devicePixelRatio || 1;
      for (const line of scene.outlines) {
        const path = this.outline(scene, line);
        if (!path) continue;
        const placed = new Path2D();
        placed.addPath(path, matrix);
        c.setLineDash((line.dash ?? []).map((v) => v * ratio));
        c.lineJoin = "round";
        c.strokeStyle = "rgba(0,0,0,0.55)";
        c.lineWidth = ((line.width ?? 1.5) + 1.5) * ratio;
        if (line.halo) c.stroke(placed);
        c.strokeStyle = line.colour;
        c.lineWidth = (line.width ?? 1.5) * ratio;
        c.stroke(placed);
      }
      c.setLineDash([]);
    }

    outline(scene, line) {
      const key = `${line.id}|${scene.plane}|${scene.k}`;
      if (!this.outlines.has(key)) {
        if (this.outlines.size > 600) this.outlines.clear();
        this.outlines.set(key, rt.outline(line.mask, scene.grid, scene.plane, scene.k));
      }
      return this.outlines.get(key);
    }

    drawCrosshair(c, scene, place) {
      const p = rt.PLANES[scene.plane];
      const x = place.left + (scene.crosshair[p.across] + 0.5) * place.sx;
      const down = p.up ? scene.grid.shape[p.down] - 1 - scene.crosshair[p.down] : scene.crosshair[p.down];
      const y = place.top + (down + 0.5) * place.sy;
      const gap = 10 * (window.devicePixelRatio || 1);
      c.strokeStyle = "rgba(120,220,255,0.75)";
      c.lineWidth = window.devicePixelRatio || 1;
      c.beginPath();
      for (const [x0, y0, x1, y1] of [
        [0, y, x - gap, y], [x + gap, y, this.canvas.width, y], [x, 0, x, y - gap], [x, y + gap, x, this.canvas.height],
      ]) {
        c.moveTo(x0, y0);
        c.lineTo(x1, y1);
      }
      c.stroke();
    }

    /** Letters at the edges, and a ruler of 5 cm. */
    drawFrame(c, scene, place) {
      const p = rt.PLANES[scene.plane];
      const ratio = window.devicePixelRatio || 1;
      const { width, height } = this.canvas;
      const ends = (axis) => scene.grid.ends[axis];
      const down = p.up ? [...ends(p.down)].reverse() : [...ends(p.down)];
      c.font = `600 ${12 * ratio}px ${FONT}`;
      c.textBaseline = "middle";
      for (const [letter, x, y, align] of [
        [ends(p.across)[0], 8 * ratio, height / 2, "left"],
        [ends(p.across)[1], width - 8 * ratio, height / 2, "right"],
        [down[0], width / 2, this.topLetter(c, scene, width, ratio), "center"],
        [down[1], width / 2, height - 12 * ratio, "center"],
      ]) {
        label(c, letter, x, y, align, "#e8ecf1");
      }
      const ruler = 50 * place.fit;
      const right = width - 12 * ratio;
      const bottom = height - 12 * ratio;
      const path = new Path2D();
      path.moveTo(right - ruler, bottom - 4 * ratio);
      path.lineTo(right - ruler, bottom);
      path.lineTo(right, bottom);
      path.lineTo(right, bottom - 4 * ratio);
      for (const [colour, thick] of [["rgba(0,0,0,0.8)", 3.5], ["#e8ecf1", 1.2]]) {
        c.strokeStyle = colour;
        c.lineWidth = thick * ratio;
        c.stroke(path);
      }
      c.font = `${10 * ratio}px ${FONT}`;
      label(c, "5 cm", right - ruler - 5 * ratio, bottom - 3 * ratio, "right", "#c9d1d9");
    }

    /** The lines of the title, as many as the panel's width asks for, and where they end: never under the stamp. */
    titled(c, scene, width, ratio) {
      const size = (width < 420 * ratio ? 10 : 11) * ratio;
      const lines = [];
      let y = 8 * ratio;
      c.save();
      c.font = `700 ${size}px ${FONT}`;
      const free = width - (scene.simulated ? c.measureText(scene.simulated).width + 18 * ratio : 0);
      scene.title.forEach((text, n) => {
        const font = n ? `${size}px ${FONT}` : `600 ${size * 1.1}px ${FONT}`;
        c.font = font;
        const beside = n ? 64 * ratio * scene.bars.length : 0; // colour bars stand at the right
        for (const part of wrapped(c, text, width - 20 * ratio - beside)) {
          const long = c.measureText(part).width;
          if (y < 26 * ratio && long + 16 * ratio > free) y = 28 * ratio;
          lines.push({ text: part, font, colour: n ? "#dde3ea" : "#ffffff", y, width: long });
          y += size * 1.4;
        }
      });
      c.restore();
      return { lines, low: y };
    }

    /** How low the upper letter stands: below the stamp and the title where they reach the middle. */
    topLetter(c, scene, width, ratio) {
      const { lines, low } = this.titled(c, scene, width, ratio);
      if (Math.max(...lines.map((line) => line.width)) + 20 * ratio > width / 2) return low + 12 * ratio;
      return (width < 760 * ratio ? 40 : 14) * ratio;
    }

    drawText(c, scene) {
      const ratio = window.devicePixelRatio || 1;
      const size = (this.canvas.width < 420 * ratio ? 10 : 11) * ratio;
      const { width, height } = this.canvas;
      const lineHeight = size * 1.4;
      const block = (lines) => {
        if (!lines.length) return;
        const top = lines[0].y - 2 * ratio;
        c.fillStyle = "rgba(0,0,0,0.5)";
        c.fillRect(4 * ratio, top, Math.max(...lines.map((line) => line.width)) + 8 * ratio, lines.at(-1).y + lineHeight + ratio - top);
        c.textBaseline = "top";
        for (const line of lines) {
          c.font = line.font;
          label(c, line.text, 8 * ratio, line.y, "left", line.colour);
        }
      };
      block(this.titled(c, scene, width, ratio).lines);
      const plain = `${size}px ${FONT}`;
      const corner = scene.corner.filter(Boolean);
      c.font = plain;
      block(corner.map((text, n) => ({ text, font: plain, colour: "#dde3ea", width: c.measureText(text).width, y: height - 6 * ratio - (corner.length - n) * lineHeight })));
      if (scene.simulated) this.stamp(c, scene.simulated, width, size, ratio);
      for (const [n, bar] of scene.bars.entries()) this.bar(c, bar, n, ratio, size);
    }

    stamp(c, text, width, size, ratio) {
      c.font = `700 ${size}px ${FONT}`;
      c.textBaseline = "top";
      const w = c.measureText(text).width + 12 * ratio;
      const h = size + 8 * ratio;
      c.fillStyle = "#ffb000";
      c.fillRect(width - w - 6 * ratio, 6 * ratio, w, h);
      c.fillStyle = "#1a1200";
      c.textAlign = "left";
      c.fillText(text, width - w, 6 * ratio + (h - size) / 2);
    }

    /** A colour bar at the right edge, with its unit and ends. */
    bar(c, bar, n, ratio, size) {
      const table = RAMPS[bar.ramp];
      const height = Math.max(40 * ratio, Math.min(150 * ratio, this.canvas.height / 2 - 76 * ratio));
      const left = this.canvas.width - (22 + n * 58) * ratio;
      const top = 52 * ratio;
      for (let i = 0; i < height; i++) {
        const index = Math.round((1 - i / height) * 255);
        const change = 1 - (2 * i) / height;
        if (bar.ramp === "difference") {
          const side = (change < 0 ? LOSS : GAIN).map((v) => v * Math.sqrt(Math.abs(change)));
          c.fillStyle = `rgb(${side.join(",")})`;
        } else c.fillStyle = `rgb(${table[index * 3]},${table[index * 3 + 1]},${table[index * 3 + 2]})`;
        c.fillRect(left, top + i, 10 * ratio, 1.5);
      }
      c.font = `${size * 0.92}px ${FONT}`;
      c.textBaseline = "middle";
      for (const tick of bar.ticks) {
        const text = `${tick}`.replace("-", "\u2212");
        label(c, text, left - 4 * ratio, top + height * (1 - (tick - bar.low) / (bar.max - bar.low)), "right", "#e8ecf1");
      }
      c.textBaseline = "bottom";
      label(c, bar.unit, left + 10 * ratio, top - 5 * ratio, "right", "#e8ecf1");
    }
  }

  /** A text in lines of at most a width. */
  function wrapped(c, text, width) {
    const lines = [];
    for (const word of text.split(" ")) {
      const longer = lines.length ? `${lines.at(-1)} ${word}` : word;
      if (lines.length && c.measureText(longer).width <= width) lines[lines.length - 1] = longer;
      else lines.push(word);
    }
    return lines;
  }

  function label(c, text, x, y, align, colour) {
    c.textAlign = align;
    c.lineJoin = "round";
    c.lineWidth = 3 * (window.devicePixelRatio || 1);
    c.strokeStyle = "rgba(0,0,0,0.75)";
    c.strokeText(text, x, y);
    c.fillStyle = colour;
    c.fillText(text, x, y);
  }

  Object.assign(rt, { Panel, WINDOWS, DIFFERENCE_HU });
})();
