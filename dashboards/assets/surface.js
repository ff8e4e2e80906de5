// Surfaces of masks and doses, by naive surface nets: a vertex in each cell that the surface crosses (Gibson 1998, "Constrained elastic surface nets").
(() => {
  const rt = (window.rtTwin ??= {});
  const BITS = [4, 2, 1]; // of a cell's corner along z, y, x

  /** Means of blocks of a mask, with an empty layer around: {values, shape, toIndex}; toIndex leads to the mask's own indices. */
  function coarsened({ data, shape }, every) {
    const size = shape.map((n, a) => Math.ceil(n / every[a]) + 2);
    const values = new Float32Array(size[0] * size[1] * size[2]);
    const one = 1 / (every[0] * every[1] * every[2]);
    for (let z = 0, from = 0; z < shape[0]; z++) {
      for (let y = 0; y < shape[1]; y++) {
        const row = ((Math.floor(z / every[0]) + 1) * size[1] + Math.floor(y / every[1]) + 1) * size[2] + 1;
        for (let x = 0; x < shape[2]; x++, from++) if (data[from]) values[row + Math.floor(x / every[2])] += one;
      }
    }
    return { values, shape: size, toIndex: (p) => p.map((v, a) => (v - 1) * every[a] + (every[a] - 1) / 2) };
  }

  /** The surface on which a field has a level: {vertices: [z, y, x] of the field's indices, quads: four vertices each}, outward. */
  function surface({ values, shape }, level) {
    const step = [shape[1] * shape[2], shape[2], 1];
    const vertexOf = new Int32Array(values.length).fill(-1);
    const vertices = [];
    const corners = [0, 1, 2, 3, 4, 5, 6, 7].map((c) => BITS.reduce((sum, bit, a) => sum + (c & bit ? step[a] : 0), 0));
    const inside = (at) => values[at] >= level;
    for (let z = 0; z + 1 < shape[0]; z++) {
      for (let y = 0; y + 1 < shape[1]; y++) {
        for (let x = 0, at = z * step[0] + y * step[1]; x + 1 < shape[2]; x++, at++) {
          const count = corners.reduce((sum, by) => sum + (inside(at + by) ? 1 : 0), 0);
          if (count % 8) vertexOf[at] = vertices.push(crossing(values, at, corners, level, [z, y, x])) - 1;
        }
      }
    }
    const quads = [];
    for (let z = 1; z + 1 < shape[0]; z++) {
      for (let y = 1; y + 1 < shape[1]; y++) {
        for (let x = 1, at = z * step[0] + y * step[1] + 1; x + 1 < shape[2]; x++, at++) {
          for (let a = 0; a < 3; a++) {
            if (inside(at) === inside(at + step[a])) continue;
            const [u, v] = [step[(a + 1) % 3], step[(a + 2) % 3]];
            const around = [at, at - u, at - u - v, at - v].map((cell) => vertexOf[cell]);
            quads.push(inside(at) ? around : around.reverse());
          }
        }
      }
    }
    return { vertices, quads };
  }

  /** The mean of the places where a cell's edges cross the level. */
  function crossing(values, at, corners, level, cell) {
    const sum = [0, 0, 0];
    let n = 0;
    for (let c = 0; c < 8; c++) {
      for (let a = 0; a < 3; a++) {
        if (c & BITS[a]) continue;
        const from = values[at + corners[c]] - level;
        const to = values[at + corners[c | BITS[a]]] - level;
        if (from < 0 === to < 0) continue;
        for (let b = 0; b < 3; b++) sum[b] += c & BITS[b] ? 1 : 0;
        sum[a] += from / (from - to);
        n++;
      }
    }
    return cell.map((v, a) => v + sum[a] / n);
  }

  Object.assign(rt, { coarsened, surface });
})();
