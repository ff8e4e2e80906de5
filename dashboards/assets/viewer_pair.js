// A virtual scan against another one: their difference, one blended into the other, or squares of either.
(() => {
  const rt = (window.rtTwin ??= {});
  const MOST = { HU: 200, SUV: 3 }; // of a difference
  const SQUARE = 36; // of the checkerboard, CSS pixels

  rt.Viewer.learn(
    class Pair {
      /** What a comparing panel compares: both with their looks, and how; null before they are here. */
      pairOf(panel) {
        const mine = panel.shown?.scan?.made;
        const against = this.layer(this.state.against);
        const other = against?.name === "source" && against.unit === "HU" ? this.ground() : panel.shown?.beside?.[against?.name];
        if (!mine || !other) return null;
        const made = this.layer("made");
        const how = this.state.pair === "difference" && made.unit !== against.unit ? "blend" : this.state.pair;
        const [below, above] = [{ layer: against, volume: other, how: "only" }, { layer: made, volume: mine, how: "only" }];
        const coloured = made.draw === "overlay" && against.draw !== "overlay" && how === "blend";
        const looks = [this.alone(below), coloured ? this.over(above) : this.alone(above)];
        return { how, mine, other, looks, share: this.state.share, most: MOST[made.unit] ?? looks[1].max / 2, unit: made.unit };
      }

      /** The source's CT, which is here already, as a scan. */
      ground() {
        return { shape: this.baseline.shape, data: this.baseline.data, zero: [0, 0, 0], step: [1, 1, 1], scale: 1, base: 0, low: -1024 };
      }

      pairBars(pair) {
        const { most, unit, looks } = pair;
        if (pair.how === "difference") return [{ ramp: "difference", low: -most, max: most, unit, ticks: [-most, 0, most] }];
        return this.bars(looks.slice(1), "scan", null);
      }

      pairWords(pair) {
        const [made, against] = [this.layer("made").label, this.layer(this.state.against)?.label];
        if (!pair) return ["loading \u2026"];
        if (pair.how === "difference") return [`${made} minus ${against}`, "violet more, orange less"];
        return [{ blend: `${against} and ${made}, ${Math.round(100 * pair.share)} %`, checker: `squares of ${against} and ${made}` }[pair.how]];
      }
    },
  );

  rt.Panel.prototype.drawPair = function (c, scene, place) {
    const { how, looks, share } = scene.pair;
    if (how === "difference") return this.drawChange(c, scene, place, scene.pair);
    this.drawWash(c, scene, place, looks[0]);
    c.save();
    if (how === "checker") {
      const side = SQUARE * (window.devicePixelRatio || 1);
      c.beginPath();
      for (let y = 0, row = 0; y < this.canvas.height; y += side, row++) {
        for (let x = (row % 2) * side; x < this.canvas.width; x += 2 * side) c.rect(x, y, side, side);
      }
      c.clip();
    }
    this.drawWash(c, scene, place, { ...looks[1], opacity: how === "blend" ? share : 1 });
    c.restore();
  };
})();
