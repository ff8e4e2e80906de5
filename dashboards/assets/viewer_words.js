// What a panel says: whose picture it is, what made it, where it lies, and what is under the pointer.
(() => {
  const rt = (window.rtTwin ??= {});
  const LONGEST_REASON = 64; // of a line in a picture; the whole one stands under "Plans"
  const signed = (value, digits) => value.toFixed(digits).replace("-", "\u2212");

  rt.Viewer.learn(
    class Words {
      title(panel, frame, mode, shown) {
        const plan = this.planOf(panel);
        const lines = [plan ? `${panel.letter}  ${plan.label}` : this.manifest.patient];
        if (mode === "difference") lines[0] += `  minus  A  ${this.planOf(this.panels[0]).label}`;
        if (!frame?.kinds.includes("ct")) {
          lines.push(`Day 0, ${this.manifest.baseline_label}`);
          const none = this.frameFor(plan, this.state.day) < 0;
          if (plan && this.state.day > 0 && none) lines.push(`no follow-up of this plan up to day ${this.state.day.toFixed(0)}`);
        } else if (frame.acquired) {
          lines.push(`Day ${frame.day.toFixed(1)}, acquired: ${frame.generators.ct}`);
        } else {
          const after = frame.day - plan.end_days;
          const when = after >= 0 ? `${after.toFixed(0)} d after the last fraction` : "during treatment";
          lines.push(`Day ${frame.day.toFixed(1)}, ${when}`);
          if (mode !== "scan") {
            lines.push(`CT by ${frame.generators.ct}, sample ${frame.sample}${frame.standing}`);
            const why = this.manifest.fallbacks?.[frame.generators.ct];
            if (why) lines.push(`not by a learned generator: ${why.length > LONGEST_REASON ? `${why.slice(0, LONGEST_REASON)}\u2026` : why}`);
          }
        }
        const scan = this.scan();
        if (this.scanOf(shown)) lines.push(`${scan.layer.label} ${frame.acquired ? "acquired:" : "by"} ${frame.generators[scan.layer.name]}`);
        else if (scan) lines.push(`no ${scan.layer.label} on this day`);
        if (shown.dose) {
          const which = `Dose ${this.state.dose === "full" ? "of the full course" : "delivered so far"}`;
          lines.push(this.manifest.dose_label ?? (plan?.dose ? `${which}: ${plan.dose}` : which));
        }
        if (plan?.context.length) lines.push("\u26a0 outside the context of use");
        if (panel.failure ?? this.failure) lines.push(panel.failure ?? this.failure);
        else if (panel.pending >= 0 && panel.pending !== null) lines.push("loading \u2026");
        return lines;
      }

      cornerOf(panel, plane, k, shown) {
        const through = rt.PLANES[plane].through;
        const lps = this.lps(panel.view.at.map((v, a) => (a === through ? k : v)));
        const axis = "zyx"[through];
        const { name, width, level } = rt.WINDOWS[this.state.window];
        const differs = this.state.difference && panel.n > 0;
        const loaded = this.baseline.share;
        const lines = [];
        if (this.probe) lines.push(this.probeText(shown, this.probe.index));
        if (differs) lines.push("violet denser, orange less dense");
        else lines.push(`${name}  W ${width} L ${signed(level, 0)}${this.state.inverted ? " inverted" : ""}`);
        lines.push(`${axis} ${signed(lps["xyz".indexOf(axis)], 1)} mm   ${k + 1}/${this.grid.shape[through]}${loaded < 1 ? `   loading ${Math.round(loaded * 100)} %` : ""}`);
        return lines;
      }

      lps(index) {
        const m = this.grid.affine;
        const [z, y, x] = index;
        return [0, 1, 2].map((r) => m[r * 4] * x + m[r * 4 + 1] * y + m[r * 4 + 2] * z + m[r * 4 + 3]);
      }

      probeText(shown, index) {
        const at = index.map(Math.round);
        if (at.some((v, a) => v < 0 || v >= this.grid.shape[a])) return "";
        const hu = (shown.followup?.ct && rt.cropAt(shown.followup.ct, at)) ?? rt.cropAt(this.baseline, at);
        const words = [`(${this.lps(index).map((v) => signed(v, 0)).join(", ")}) mm`, `${signed(hu, 0)} HU`];
        if (shown.dose?.dose) words.push(`${(rt.coarseAt(shown.dose.dose, index) ?? 0).toFixed(1)} Gy`);
        const scan = this.scanOf(shown);
        if (scan) words.push(`${scan.layer.label} ${(rt.coarseAt(scan.volume, index) ?? 0).toFixed(1)} ${scan.layer.unit}`);
        const inside = Object.entries(this.structures).filter(([, mask]) => mask.role !== "EXTERNAL" && rt.cropAt(mask, at));
        if (inside.length) words.push(inside.map(([name]) => name).join(" "));
        return words.join("   ");
      }
    },
  );
})();
