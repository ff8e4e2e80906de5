// Measuring in a picture: a distance, or an ellipse with what lies in it; numbers of what is shown, nothing is kept of them.
(() => {
  const rt = (window.rtTwin ??= {});
  const signed = (value, digits) => value.toFixed(digits).replace("-", "\u2212");

  rt.Viewer.learn(
    class Measure {
      /** Draw or change the mark of a drag. */
      mark(panel, drag, index) {
        const plane = this.planeOf(panel);
        drag.mark ??= { panel: panel.n, plane, k: Math.round(panel.view.at[rt.PLANES[plane].through]), kind: drag.tool, a: drag.index };
        drag.mark.b = index;
        drag.mark.words = drag.mark.kind === "distance" ? this.length(drag.mark) : this.inside(panel, drag.mark);
        if (!this.marks.includes(drag.mark)) this.marks.push(drag.mark);
        this.draw();
      }

      length({ a, b }) {
        const mm = Math.hypot(...a.map((v, axis) => (v - b[axis]) * this.grid.spacing[axis]));
        return [`${mm.toFixed(1)} mm`];
      }

      /** Area, mean, SD, least and greatest value of the CT, or of the scan that is shown, in an ellipse between two corners. */
      inside(panel, { plane, k, a, b }) {
        const p = rt.PLANES[plane];
        const middle = [(a[p.across] + b[p.across]) / 2, (a[p.down] + b[p.down]) / 2];
        const half = [Math.abs(a[p.across] - b[p.across]) / 2, Math.abs(a[p.down] - b[p.down]) / 2];
        const scan = this.scanOf(panel);
        const read = scan ? (at) => rt.coarseAt(scan.volume, at) : (at) => this.hu(panel, at);
        let [n, sum, squares, least, most] = [0, 0, 0, Infinity, -Infinity];
        for (let y = Math.ceil(middle[1] - half[1]); y <= middle[1] + half[1]; y++) {
          for (let x = Math.ceil(middle[0] - half[0]); x <= middle[0] + half[0]; x++) {
            if (((x - middle[0]) / half[0]) ** 2 + ((y - middle[1]) / half[1]) ** 2 > 1) continue;
            const at = [0, 0, 0];
            [at[p.through], at[p.across], at[p.down]] = [k, x, y];
            const value = read(at);
            if (value === undefined || value === null) continue;
            n++;
            sum += value;
            squares += value * value;
            least = Math.min(least, value);
            most = Math.max(most, value);
          }
        }
        if (!n) return [];
        const mean = sum / n;
        const digits = scan && scan.layer.unit !== "HU" ? 2 : 0;
        const unit = scan ? scan.layer.unit : "HU";
        const cm2 = (Math.PI * half[0] * half[1] * this.grid.spacing[p.across] * this.grid.spacing[p.down]) / 100;
        const sd = Math.sqrt(Math.max(0, squares / n - mean * mean));
        return [`${cm2.toFixed(2)} cm\u00b2`, `mean ${signed(mean, digits)} \u00b1 ${sd.toFixed(digits)} ${unit}`, `${signed(least, digits)} to ${signed(most, digits)} ${unit}`];
      }

      /** HU at a whole index (z, y, x): of the day that the panel shows. */
      hu(panel, at) {
        const followed = panel.shown?.followup?.ct;
        return (followed && rt.cropAt(followed, at)) ?? rt.cropAt(this.baseline, at);
      }
    },
  );
})();
