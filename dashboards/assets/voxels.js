// Packed voxels from the server (dashboards/viewer/pack.py), and planes cut out of them.
(() => {
  const rt = (window.rtTwin ??= {});

  /** Unpack a message: {header, parts: {name: {shape, start, scale, data, ...}}}. */
  function unpack(buffer) {
    const size = new DataView(buffer).getUint32(0, true);
    const header = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, size)));
    const parts = {};
    for (const part of header.parts) {
      const bytes = new Uint8Array(buffer, 4 + size + part.offset, part.bytes);
      const count = part.shape[0] * part.shape[1] * part.shape[2];
      if (part.codec === "bits") parts[part.name] = lazily({ ...part }, () => bits(bytes, count));
      else parts[part.name] = { ...part, data: running(bytes, count) };
    }
    return { header, parts };
  }

  /** A part whose voxels are unpacked when they are first looked at: a body's mask is as large as its CT. */
  function lazily(part, make) {
    const value = () => Object.defineProperty(part, "data", { value: make(), enumerable: true }).data;
    return Object.defineProperty(part, "data", { enumerable: true, configurable: true, get: value });
  }

  function bits(bytes, count) {
    const mask = new Uint8Array(count);
    for (let i = 0; i < count; i++) mask[i] = (bytes[i >> 3] >> (i & 7)) & 1;
    return mask;
  }

  function running(bytes, count) {
    const values = new Int16Array(count);
    let last = 0;
    for (let i = 0; i < count; i++) {
      last = (last + (bytes[i] | (bytes[i + count] << 8))) & 0xffff;
      values[i] = last;
    }
    return values;
  }

  /** Fetch and unpack; an answer other than 200 throws its sentence. */
  async function fetchPack(url) {
    const answer = await fetch(url);
    if (!answer.ok) throw new Error(await answer.text());
    return unpack(await answer.arrayBuffer());
  }

  // For each plane: the axes (of z, y, x) that run across and down the picture, and the one that counts slices.
  // Coronal and sagittal pictures have Superior at the top, so that z runs upwards.
  const PLANES = {
    axial: { across: 2, down: 1, through: 0, up: false },
    coronal: { across: 2, down: 0, through: 1, up: true },
    sagittal: { across: 1, down: 0, through: 2, up: true },
  };

  const strides = (shape) => [shape[1] * shape[2], shape[2], 1];

  /** Copy the part of one slice that an array covers into a picture of the whole grid. */
  function lay(picture, grid, plane, k, array) {
    const p = PLANES[plane];
    const start = array.start;
    const through = k - start[p.through];
    if (through < 0 || through >= array.shape[p.through]) return;
    const step = strides(array.shape);
    const width = grid.shape[p.across];
    const height = grid.shape[p.down];
    const x0 = Math.max(0, start[p.across]);
    const x1 = Math.min(width, start[p.across] + array.shape[p.across]);
    const y0 = Math.max(0, start[p.down]);
    const y1 = Math.min(height, start[p.down] + array.shape[p.down]);
    for (let y = y0; y < y1; y++) {
      let from = through * step[p.through] + (y - start[p.down]) * step[p.down] + (x0 - start[p.across]) * step[p.across];
      let to = (p.up ? height - 1 - y : y) * width + x0;
      if (step[p.across] === 1) picture.set(array.data.subarray(from, from + x1 - x0), to);
      else for (let x = x0; x < x1; x++, to++, from += step[p.across]) picture[to] = array.data[from];
    }
  }

  /** A coarse volume (a dose, a scan) cut at slice k of the shown grid: {width, height, values} on its own in-plane grid. */
  function coarseSlice(coarse, plane, k) {
    const p = PLANES[plane];
    const at = coarse.zero[p.through] + k * coarse.step[p.through];
    const n = coarse.shape[p.through];
    if (at < -0.5 || at > n - 0.5) return null;
    const low = Math.min(n - 1, Math.max(0, Math.floor(at)));
    const high = Math.min(n - 1, low + 1);
    const share = Math.min(1, Math.max(0, at - low));
    const step = strides(coarse.shape);
    const width = coarse.shape[p.across];
    const height = coarse.shape[p.down];
    const values = new Float32Array(width * height);
    for (let y = 0, to = 0; y < height; y++) {
      for (let x = 0; x < width; x++, to++) {
        const base = y * step[p.down] + x * step[p.across];
        const a = coarse.data[base + low * step[p.through]];
        const b = coarse.data[base + high * step[p.through]];
        values[to] = (a + (b - a) * share) * coarse.scale + coarse.base;
      }
    }
    return { width, height, values };
  }

  /** The greatest values of a coarse volume along the view: {width, height, values} on its own in-plane grid. */
  function coarseProjection(coarse, plane) {
    const p = PLANES[plane];
    const step = strides(coarse.shape);
    const width = coarse.shape[p.across];
    const height = coarse.shape[p.down];
    const values = new Float32Array(width * height);
    for (let y = 0, to = 0; y < height; y++) {
      for (let x = 0; x < width; x++, to++) {
        let from = y * step[p.down] + x * step[p.across];
        let most = -32768;
        for (let n = 0; n < coarse.shape[p.through]; n++, from += step[p.through]) most = Math.max(most, coarse.data[from]);
        values[to] = most * coarse.scale + coarse.base;
      }
    }
    return { width, height, values };
  }

  /** One coarse volume minus another at slice k, on the grid of the first. */
  function coarseChange(one, other, plane, k) {
    const mine = coarseSlice(one, plane, k);
    const same = [0, 1, 2].every((a) => one.shape[a] === other.shape[a] && Math.abs(one.zero[a] - other.zero[a]) < 1e-3 && Math.abs(one.step[a] - other.step[a]) < 1e-6);
    const theirs = same ? coarseSlice(other, plane, k) : null;
    if (!mine || (same && !theirs)) return null;
    const p = PLANES[plane];
    const index = [k, k, k];
    for (let y = 0, to = 0; y < mine.height; y++) {
      if (!same) index[p.down] = (y - one.zero[p.down]) / one.step[p.down];
      for (let x = 0; x < mine.width; x++, to++) {
        if (same) mine.values[to] -= theirs.values[to];
        else {
          index[p.across] = (x - one.zero[p.across]) / one.step[p.across];
          mine.values[to] -= coarseAt(other, index) ?? 0;
        }
      }
    }
    return mine;
  }

  /** The value of a coarse volume at an index (z, y, x) of the shown grid, or null outside. */
  function coarseAt(coarse, index) {
    let sum = 0;
    const step = strides(coarse.shape);
    const low = [];
    const share = [];
    for (let a = 0; a < 3; a++) {
      const at = coarse.zero[a] + index[a] * coarse.step[a];
      if (at < 0 || at > coarse.shape[a] - 1) return null;
      low[a] = Math.min(Math.floor(at), Math.max(0, coarse.shape[a] - 2));
      share[a] = at - low[a];
    }
    for (let corner = 0; corner < 8; corner++) {
      let weight = 1;
      let from = 0;
      for (let a = 0; a < 3; a++) {
        const high = (corner >> a) & 1;
        weight *= high ? share[a] : 1 - share[a];
        from += Math.min(coarse.shape[a] - 1, low[a] + high) * step[a];
      }
      if (weight) sum += weight * coarse.data[from];
    }
    return sum * coarse.scale + coarse.base;
  }

  /** The value of a crop at an index of the shown grid, or undefined outside it. */
  function cropAt(array, index) {
    let from = 0;
    const step = strides(array.shape);
    for (let a = 0; a < 3; a++) {
      const i = index[a] - array.start[a];
      if (i < 0 || i >= array.shape[a]) return undefined;
      from += i * step[a];
    }
    return array.data[from];
  }

  const IDLE_MS = 300; // the longest that a slab waits for the page
  const idle = () => new Promise((resolve) => requestIdleCallback(resolve, { timeout: IDLE_MS }));

  /** The acquired CT in the browser's memory, filled slab by slab from the slice that is looked at. */
  class Baseline {
    constructor(grid, urlOfSlab, onSlab) {
      const count = grid.shape[0] * grid.shape[1] * grid.shape[2];
      this.grid = grid;
      this.shape = grid.shape;
      this.start = [0, 0, 0];
      this.data = new Int16Array(count).fill(-1024);
      this.slabs = Math.ceil(grid.shape[0] / grid.slab);
      this.ready = new Uint8Array(this.slabs);
      this.urlOfSlab = urlOfSlab;
      this.onSlab = onSlab;
      this.wanted = 0;
      this.closed = false;
    }

    get share() {
      return this.ready.reduce((sum, done) => sum + (done === 2 ? 1 : 0), 0) / this.slabs;
    }

    has(k) {
      return this.ready[Math.floor(k / this.grid.slab)] === 2;
    }

    /** Ask for the nearest missing slab, three at a time, until all are here. */
    load(k) {
      this.wanted = Math.floor(k / this.grid.slab);
      for (let lane = this.lanes ?? 0; lane < 3; lane++) this.lane();
    }

    async lane() {
      this.lanes = (this.lanes ?? 0) + 1;
      for (;;) {
        if (this.ready[this.wanted] !== 0) await idle(); // what is looked at comes first, then the page, then the rest
        const next = this.nearest();
        if (next < 0 || this.closed) break;
        this.ready[next] = 1;
        try {
          const { parts } = await fetchPack(this.urlOfSlab(next));
          if (this.closed) break;
          this.data.set(parts.ct.data, parts.ct.start[0] * this.shape[1] * this.shape[2]);
          this.ready[next] = 2;
          this.onSlab();
        } catch (error) {
          this.ready[next] = 3;
          this.onSlab(error);
        }
      }
      this.lanes--;
    }

    nearest() {
      let best = -1;
      for (let i = 0; i < this.slabs; i++) {
        const nearer = best < 0 || Math.abs(i - this.wanted) < Math.abs(best - this.wanted);
        if (this.ready[i] === 0 && nearer) best = i;
      }
      return best;
    }
  }

  Object.assign(rt, { fetchPack, PLANES, lay, coarseSlice, coarseProjection, coarseChange, coarseAt, cropAt, Baseline });
})();
