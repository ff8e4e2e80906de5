// Dash's clientside callbacks: thin, they only pass on.
(() => {
  const rt = (window.rtTwin ??= {});
  const idle = () => window.dash_clientside.no_update;
  window.dash_clientside = window.dash_clientside ?? {};

  window.dash_clientside.rt = {
    /** Open the viewers of a run or twin. */
    mount: (manifest, ...controls) => {
      rt.viewer?.close();
      rt.viewer = null;
      if (manifest) {
        rt.viewer = new rt.Viewer(manifest, settings(manifest, controls));
        rt.viewer.setPlans(plansOf(controls));
      }
      return idle();
    },

    /** A control moved. */
    control: (...controls) => {
      const manifest = controls.pop();
      if (rt.viewer && manifest && rt.viewer.manifest.version === manifest.version) {
        rt.viewer.set(settings(manifest, controls));
        rt.viewer.setPlans(plansOf(controls));
      }
      return idle();
    },

    theme: (figure) => rt.charts.themed(figure),

    /** A click on the trajectories goes to the nearest follow-up. */
    pick: (click, manifest) => {
      const day = click?.points?.[0]?.x;
      if (day === undefined || !manifest) return idle();
      return nearest(manifest.days, day);
    },

    count: (n) => `rt-panels rt-n${n}`,

    play: () => {
      rt.viewer?.play();
      return rt.viewer?.playing ? "\u23f8" : "\u25b6";
    },

    openRun: (key, manifest) => (!key || key === manifest?.key ? idle() : `?run=${encodeURIComponent(key)}`),
    openKeys: () => true,
    ...Object.fromEntries([0, 1, 2, 3].map((n) => [`save${n}`, () => (rt.viewer?.save(n), idle())])),
  };

  // Functions that Mantine components call by name.
  window.dashMantineFunctions = { ...window.dashMantineFunctions, rtDay: (day) => `day ${Number(day).toFixed(day % 1 ? 1 : 0)}` };

  const nearest = (days, day) => days.reduce((best, d) => (Math.abs(d - day) < Math.abs(best - day) ? d : best), days[0]);

  // The order of the page's controls: panels' plans (4), then these.
  const NAMES = ["day", "sample", "plane", "window", "dose", "pet", "structures", "linked"];

  const plansOf = (controls) => controls.slice(0, 4);

  function settings(manifest, controls) {
    const values = {};
    NAMES.forEach((name, n) => {
      const value = controls[4 + n];
      if (value !== undefined && value !== null) values[name] = value;
    });
    values.day = nearest(manifest.days, values.day ?? 0);
    values.sample = Number(values.sample ?? 0);
    if (values.linked === rt.viewer?.state.linked) delete values.linked;
    return values;
  }
})();
