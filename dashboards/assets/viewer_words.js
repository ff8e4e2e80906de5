// What a panel says: whose picture it is, what made it, where it lies, and what is under the pointer.
(() => {
  const rt = (window.rtTwin ??= {});
  const LONGEST_REASON = 64; // of a line in a picture; the whole one stands under "Plans"
  const SAME_DAY = 0.75; // images of a day are made at the hour of its scan, volumes are entered by whole days
  const signed = (value, digits) => value.toFixed(digits).replace("-", "\u2212");

  rt.Viewer.learn(
    class Words {
      title(panel, frame, mode, shown, doses, pair) {
        const own = this.manifest.blind ? [] : panel.spec.words;
        if (own) return [this.manifest.patient, ...own, ...(panel.spec.pair ? this.pairWords(pair) : []), panel.failure ?? this.failure].filter(Boolean);
        const plan = this.planOf(panel);
        const lines = [plan ? `${panel.letter}  ${plan.label}` : this.manifest.patient];
        if (mode === "difference" || doses) lines[0] += `, ${this.dayWords(panel)}  minus  A  ${this.planOf(this.panels[0]).label}, ${this.dayWords(this.panels[0])}`;
        if (plan) lines[0] += `   ${this.manifest.patient}`;
        if (!frame?.kinds.includes("ct")) {
          lines.push(`Day 0, ${this.manifest.baseline_label}`);
          const none = this.frameFor(plan, this.dayOf(panel)) < 0;
          if (plan?.slug && this.dayOf(panel) > 0 && none) lines.push(`no follow-up of this plan up to day ${this.dayOf(panel).toFixed(0)}`);
        } else if (frame.acquired) {
          lines.push(`Day ${frame.day.toFixed(1)}, acquired: ${frame.generators.ct}`);
        } else {
          lines.push(`Day ${frame.day.toFixed(1)}, ${this.phase(plan, frame.day)}`);
          if (mode !== "scan") {
            lines.push(`CT by ${frame.generators.ct}, sample ${frame.sample}${frame.standing}`);
            const why = this.manifest.fallbacks?.[frame.generators.ct];
            const learned = this.manifest.learned?.[frame.generators.ct];
            if (learned) lines.push(`\u26a0 ${learned}`);
            if (why) lines.push(`not by a learned generator: ${why.length > LONGEST_REASON ? `${why.slice(0, LONGEST_REASON)}\u2026` : why}`);
          }
        }
        const measured = this.measuredOn(frame?.kinds.includes("ct") ? frame.day : 0);
        if (measured) lines.push(measured);
        const scan = this.scan(panel);
        if (this.scanOf(panel)) lines.push(this.scanWords(scan, frame));
        else if (scan) lines.push(`no ${scan.layer.label} on this day`);
        if (shown.dose) {
          const which = `Dose ${this.state.dose === "full" ? "of the full course" : "delivered so far"}`;
          lines.push((doses ? "Difference of: " : "") + (this.manifest.dose_label ?? (plan?.dose ? `${which}: ${plan.dose}` : which)));
        }
        if (plan?.context.length) lines.push("\u26a0 outside the context of use");
        if (panel.failure ?? this.failure) lines.push(panel.failure ?? this.failure);
        else if (panel.pending >= 0 && panel.pending !== null) lines.push("loading \u2026");
        return lines;
      }

      /** Which scan is shown, and who or what made it. */
      scanWords({ layer, how }, frame) {
        const maker = frame.generators[layer.name];
        if (layer.name === "presence") return `Presence: share of ${maker} in which tumour is still here`;
        return `${layer.label}${how === "mip" ? ", greatest values along the view," : ""} ${frame.acquired ? "acquired:" : "by"} ${maker}`;
      }

      dayWords(panel) {
        const frame = panel.frame >= 0 ? this.manifest.frames[panel.frame] : null;
        return `day ${(frame?.kinds.includes("ct") ? frame.day : 0).toFixed(1)}`;
      }

      /** Where a day lies in a plan's course. */
      phase(plan, day) {
        if (!plan.fractions) return "no radiotherapy";
        const after = day - plan.end_days;
        return after >= 0 ? `${after.toFixed(0)} d after the last fraction` : "during treatment";
      }

      /** What was measured on a day, beside what its image shows. */
      measuredOn(day) {
        return this.manifest.measured.find((one) => Math.abs(one.day - day) < SAME_DAY)?.words;
      }

      cornerOf(panel, plane, k, shown, doses) {
        const through = rt.PLANES[plane].through;
        const lps = this.lps(panel.view.at.map((v, a) => (a === through ? k : v)));
        const axis = "zyx"[through];
        const { name, width, level } = this.window();
        const differs = this.state.difference && panel.n > 0 && !doses;
        const loaded = this.baseline.share;
        const lines = [];
        if (this.probe) lines.push(this.probeText(panel, shown, this.probe.index));
        if (doses) lines.push("violet more dose, orange less");
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

      probeText(panel, shown, index) {
        const at = index.map(Math.round);
        if (at.some((v, a) => v < 0 || v >= this.grid.shape[a])) return "";
        const hu = this.hu(panel, at);
        const words = [`(${this.lps(index).map((v) => signed(v, 0)).join(", ")}) mm`, `${signed(hu, 0)} HU`];
        if (shown.dose?.dose) words.push(`${(rt.coarseAt(shown.dose.dose, index) ?? 0).toFixed(1)} Gy${this.state.unit.startsWith("eqd2") ? " EQD2" : ""}`);
        const scan = this.scanOf(panel);
        const value = scan && (rt.coarseAt(scan.volume, index) ?? 0);
        if (scan) words.push(scan.layer.unit === "1" ? `still tumour in ${(100 * value).toFixed(0)} % of samples` : `${scan.layer.label} ${value.toFixed(1)} ${scan.layer.unit}`);
        const inside = Object.entries(this.structures).filter(([, mask]) => mask.role !== "EXTERNAL" && rt.cropAt(mask, at));
        if (inside.length) words.push(inside.map(([name]) => name).join(" "));
        return words.join("   ");
      }
    },
  );
})();
