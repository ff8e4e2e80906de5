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
        followState(rt.viewer);
      }
      return idle();
    },

    /** A control moved. */
    control: (...controls) => {
      const manifest = controls.pop();
      if (rt.viewer && manifest && rt.viewer.manifest.version === manifest.version) {
        rt.viewer.set(settings(manifest, controls));
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

    /** A case of a reader study: window, colours and the scan over it; what was seen of the case before is forgotten. */
    mountReading: (manifest, ...controls) => {
      rt.viewer?.close();
      rt.viewer = null;
      if (manifest) setTimeout(() => (rt.viewer = new rt.Viewer(manifest, readingSettings(controls))), 0); // its canvases come with it
      return idle();
    },
    controlReading: (...controls) => {
      if (rt.viewer?.manifest.blind) rt.viewer.set(readingSettings(controls));
      return idle();
    },

    /** A virtual scan beside its source. */
    mountScan: (manifest, ...controls) => {
      rt.viewer?.close();
      rt.viewer = manifest ? new rt.Viewer(manifest, scanSettings(controls)) : null;
      return idle();
    },
    controlScan: (...controls) => {
      if (rt.viewer?.manifest.of === "scan") rt.viewer.set(scanSettings(controls));
      return idle();
    },

    /** Draw a figure in the element of the same name as its store. */
    figure: (figure) => {
      rt.charts.show(window.dash_clientside.callback_context.inputs_list[0].id.replace(/-figure$/, ""), figure);
      return idle();
    },

    hang: (layout) => {
      if (rt.viewer && !rt.viewer.closed && layout !== rt.viewer.state.layout) rt.viewer.hang(layout);
      return idle();
    },

    play: (clicks) => {
      if (clicks) rt.viewer?.play();
      return rt.viewer?.playing ? "\u23f8" : "\u25b6";
    },

    openRun: (key, manifest) => (!key || key === manifest?.key ? idle() : `?run=${encodeURIComponent(key)}`),
    openTwin: (key, manifest) => (!key || key === manifest?.key ? idle() : `?twin=${encodeURIComponent(key)}`),
    openStudy: (key, shown) => (!key || key === shown ? idle() : `?study=${encodeURIComponent(key)}`),
    openReading: (key, shown) => (!key || key === shown ? idle() : `?readers=${encodeURIComponent(key)}`),
    openScan: (twin, truth, key, manifest) => {
      if (twin && twin !== key) return `?twin=${encodeURIComponent(twin)}`;
      const [of, made, held] = manifest?.key.split("::") ?? [];
      return made && (truth ?? "") !== held ? `?scan=${encodeURIComponent([of, made, truth ?? ""].join("::"))}` : idle();
    },
    openAdaptive: (key, shown) => (!key || key === shown ? idle() : `?run=${encodeURIComponent(key)}`),
    framed: () => {
      rt.framed();
      return idle();
    },
    openKeys: (clicks) => Boolean(clicks),
    /** The files of a drop have been taken: it may be used again. */
    emptied: (data) => {
      if (!data) rt.emptied(window.dash_clientside.callback_context.inputs_list[0].id);
    },
    search: (text) => {
      rt.longTable.find(text ?? "");
      return idle();
    },
  };

  // A server that was started anew does not know this page any more; it says itself how to get in.
  const ask = window.fetch;
  window.fetch = async (what, how = {}) => {
    const token = document.cookie.match(/(?:^|; )rt-twin-csrf=([0-9a-f]+)/)?.[1]; // of who has logged in
    const headers = new Headers(how.headers);
    if (token) headers.set("X-RT-Twin-CSRF", token);
    const answer = await ask(what, token ? { ...how, headers } : how);
    if (answer.headers.get("X-RT-Twin-Stranger")) window.location.reload();
    return answer;
  };

  document.addEventListener("click", async (event) => {
    if (!event.target.closest?.("[data-logout]")) return;
    await window.fetch("/logout", { method: "POST", redirect: "manual" });
    window.location.assign("/login");
  });

  // A patient's name in a list opens his card.
  document.addEventListener("click", (event) => {
    const who = event.target.closest?.("[data-pick]");
    if (who) window.dash_clientside.set_props("picked", { data: who.dataset.pick });
  });

  // A button in a list asks to rename or delete what its row is of.
  document.addEventListener("click", (event) => {
    const { change, kind } = event.target.closest?.("[data-change]")?.dataset ?? {};
    if (change) window.dash_clientside.set_props("changing", { data: { key: change, kind, at: Date.now() } });
  });

  // Functions that Mantine components call by name.
  window.dashMantineFunctions = { ...window.dashMantineFunctions, rtDay: (day) => `day ${Number(day).toFixed(day % 1 ? 1 : 0)}` };

  const nearest = (days, day) => days.reduce((best, d) => (Math.abs(d - day) < Math.abs(best - day) ? d : best), days[0]);

  // The order of the page's controls.
  const NAMES = ["day", "sample", "plane", "window", "dose", "scan", "structures", "linked", "difference"];

  /** Controls that a link has set otherwise than the page began with follow the viewer. */
  function followState({ state }) {
    if (state.difference) rt.setControl("ctl-difference", true, "checked");
    if (!state.linked) rt.setControl("ctl-linked", false, "checked");
  }

  const scanSettings = ([window, plane, structures, pair, share, against]) => ({
    day: 0, window, plane, structures, pair, share: share / 100, against,
  });
  const readingSettings = ([window, colours, scan]) => ({ day: 0, window, colours, scan, structures: "none" });

  const twinSettings = (manifest, [day, window, dose, scan, structures]) => ({
    day: manifest.days[Number(day ?? 0)] ?? 0, window, dose, scan, structures,
  });

  function settings(manifest, controls) {
    const values = {};
    NAMES.forEach((name, n) => {
      const value = controls[n];
      if (value !== undefined && value !== null) values[name] = value;
    });
    values.day = nearest(manifest.days, values.day ?? 0);
    values.sample = Number(values.sample ?? manifest.sample);
    if (values.linked === rt.viewer?.state.linked) delete values.linked;
    return values;
  }
})();
