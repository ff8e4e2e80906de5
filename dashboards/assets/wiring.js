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

    mountTwin: (manifest, ...controls) => {
      rt.viewer?.close();
      rt.viewer = manifest ? new rt.Viewer(manifest, twinSettings(manifest, controls)) : null;
      return idle();
    },

    controlTwin: (...controls) => {
      const manifest = controls.pop();
      if (rt.viewer && manifest && rt.viewer.manifest.version === manifest.version) rt.viewer.set(twinSettings(manifest, controls));
      return idle();
    },

    /** Draw a figure in the element of the same name as its store. */
    figure: (figure) => {
      rt.charts.show(window.dash_clientside.callback_context.inputs_list[0].id.replace(/-figure$/, ""), figure);
      return idle();
    },

    count: (n) => {
      setTimeout(() => rt.viewer?.refresh(), 50); // panels that appear have nothing to show yet
      return `rt-panels rt-n${n}`;
    },

    play: (clicks) => {
      if (clicks) rt.viewer?.play();
      return rt.viewer?.playing ? "\u23f8" : "\u25b6";
    },

    openRun: (key, manifest) => (!key || key === manifest?.key ? idle() : `?run=${encodeURIComponent(key)}`),
    openTwin: (key, manifest) => (!key || key === manifest?.key ? idle() : `?twin=${encodeURIComponent(key)}`),
    openStudy: (key, shown) => (!key || key === shown ? idle() : `?study=${encodeURIComponent(key)}`),
    openAdaptive: (key, shown) => (!key || key === shown ? idle() : `?run=${encodeURIComponent(key)}`),
    openKeys: (clicks) => Boolean(clicks),
    /** The files of a drop have been taken: it may be used again. */
    emptied: (data) => {
      if (!data) rt.emptied(window.dash_clientside.callback_context.inputs_list[0].id);
    },
    search: (text) => {
      rt.longTable.find(text ?? "");
      return idle();
    },
    ...Object.fromEntries([0, 1, 2, 3].map((n) => [`save${n}`, (clicks) => (clicks && rt.viewer?.save(n), idle())])),
  };

  // A server that was started anew does not know this page any more; it says itself how to get in.
  const ask = window.fetch;
  window.fetch = async (...what) => {
    const answer = await ask(...what);
    if (answer.headers.get("X-RT-Twin-Stranger")) window.location.reload();
    return answer;
  };

  // A patient's name in a list opens his card.
  document.addEventListener("click", (event) => {
    const who = event.target.closest?.("[data-pick]");
    if (who) window.dash_clientside.set_props("picked", { data: who.dataset.pick });
  });

  // Functions that Mantine components call by name.
  window.dashMantineFunctions = { ...window.dashMantineFunctions, rtDay: (day) => `day ${Number(day).toFixed(day % 1 ? 1 : 0)}` };

  const nearest = (days, day) => days.reduce((best, d) => (Math.abs(d - day) < Math.abs(best - day) ? d : best), days[0]);

  // The order of the page's controls: panels' plans (4), then these.
  const NAMES = ["day", "sample", "plane", "window", "dose", "scan", "structures", "linked", "difference"];

  const plansOf = (controls) => controls.slice(0, 4);

  const twinSettings = (manifest, [day, window, dose, scan, structures]) => ({
    day: manifest.days[Number(day ?? 0)] ?? 0, window, dose, scan, structures,
  });

  function settings(manifest, controls) {
    const values = {};
    NAMES.forEach((name, n) => {
      const value = controls[4 + n];
      if (value !== undefined && value !== null) values[name] = value;
    });
    values.day = nearest(manifest.days, values.day ?? 0);
    values.sample = Number(values.sample ?? manifest.sample);
    if (values.linked === rt.viewer?.state.linked) delete values.linked;
    return values;
  }
})();
