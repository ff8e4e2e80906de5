// Outlines by marching squares: closed, ordered polylines, so that dashes run evenly along them.
(() => {
  const rt = (window.rtTwin ??= {});

  // For each of the 16 corner patterns (1 top left, 2 top right, 4 bottom right, 8 bottom left): pairs of sides
  // (0 top, 1 right, 2 bottom, 3 left) that a line joins, with the inside on its left.
  const CASES = [
    [], [[3, 0]], [[0, 1]], [[3, 1]], [[1, 2]], [[3, 0], [1, 2]], [[0, 2]], [[3, 2]],
    [[2, 3]], [[2, 0]], [[0, 1], [2, 3]], [[2, 1]], [[1, 3]], [[1, 0]], [[0, 3]], [],
  ];

  /** A Path2D of the level in a (height x width) field, in its pixel centres' coordinates. */
  function isoline(values, width, height, level) {
    const path = new Path2D();
    const next = new Map();
    const at = (x, y) => (x < 0 || y < 0 || x >= width || y >= height ? -1e9 : values[y * width + x]);
    // An edge's key: horizontal edges even, vertical ones odd, counted over a grid with a border of one.
    const row = width + 2;
    const key = (x, y, side) =>
      side === 0 ? ((y + 1) * row + x + 1) * 2
      : side === 2 ? ((y + 2) * row + x + 1) * 2
      : side === 3 ? ((y + 1) * row + x + 1) * 2 + 1
      : ((y + 1) * row + x + 2) * 2 + 1;
    let above = new Uint8Array(row); // whether each pixel of a row is inside, between two that are not
    let below = new Uint8Array(row);
    for (let y = -1; y < height; y++) {
      const from = (y + 1) * width;
      for (let x = 0; x < width; x++) below[x + 1] = y + 1 < height && values[from + x] >= level;
      for (let x = -1; x < width; x++) {
        const pattern = above[x + 1] | (above[x + 2] << 1) | (below[x + 2] << 2) | (below[x + 1] << 3);
        if (pattern === 0 || pattern === 15) continue;
        for (const [a, b] of CASES[pattern]) next.set(key(x, y, a), key(x, y, b));
      }
      [above, below] = [below, above];
    }
    const point = (edge) => {
      const vertical = edge & 1;
      const cell = edge >> 1;
      const x = (cell % row) - 1;
      const y = Math.floor(cell / row) - 1;
      const a = at(x, y);
      const b = vertical ? at(x, y + 1) : at(x + 1, y);
      const share = a < -1e8 || b < -1e8 ? 0.5 : (level - a) / (b - a);
      return vertical ? [x, y + share] : [x + share, y];
    };
    let longest = 0;
    while (next.size) {
      let edge = next.keys().next().value;
      let top = point(edge);
      let length = 0;
      path.moveTo(...top);
      while (next.has(edge)) {
        const following = next.get(edge);
        next.delete(edge);
        edge = following;
        const at = point(edge);
        if (at[1] < top[1]) top = at;
        length++;
        path.lineTo(...at);
      }
      path.closePath();
      if (length > longest) [longest, path.top] = [length, top]; // where a label stands
    }
    return path;
  }

  // Smoothed by less than a voxel with weights 1/6, 2/3, 1/6; at this level a single voxel still has an outline.
  const LEVEL = 0.44;

  /** The outline of a mask's crop on one slice, in pixel centres' coordinates of the whole grid; null if empty. */
  function outline(mask, grid, plane, k) {
    const p = rt.PLANES[plane];
    const through = k - mask.start[p.through];
    if (through < 0 || through >= mask.shape[p.through]) return null;
    const width = mask.shape[p.across] + 2;
    const height = mask.shape[p.down] + 2;
    const field = new Float32Array(width * height);
    const step = [mask.shape[1] * mask.shape[2], mask.shape[2], 1];
    let any = false;
    for (let y = 0; y < mask.shape[p.down]; y++) {
      const row = p.up ? mask.shape[p.down] - 1 - y : y;
      for (let x = 0; x < mask.shape[p.across]; x++) {
        if (mask.data[through * step[p.through] + row * step[p.down] + x * step[p.across]]) {
          field[(y + 1) * width + x + 1] = 1;
          any = true;
        }
      }
    }
    if (!any) return null;
    const path = isoline(smoothed(field, width, height), width, height, LEVEL);
    const last = mask.start[p.down] + mask.shape[p.down];
    const top = p.up ? grid.shape[p.down] - last : mask.start[p.down];
    const placed = new Path2D();
    placed.addPath(path, new DOMMatrix([1, 0, 0, 1, mask.start[p.across] - 1, top - 1]));
    return placed;
  }

  function smoothed(field, width, height) {
    const pass = (from, step, size) => {
      const to = new Float32Array(from.length);
      for (let i = 0; i < from.length; i++) {
        const position = Math.floor(i / step) % size;
        const before = position > 0 ? from[i - step] : 0;
        const after = position < size - 1 ? from[i + step] : 0;
        to[i] = (before + after) / 6 + (from[i] * 2) / 3;
      }
      return to;
    };
    return pass(pass(field, 1, width), width, height);
  }

  Object.assign(rt, { isoline, outline });
})();
