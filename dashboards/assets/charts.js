// Figures: drawn where they are seen, in the page's theme, saved with their stamp; plotly comes when the first is.
(() => {
  const rt = (window.rtTwin ??= {});

  const THEMES = {
    light: { text: "#343a40", grid: "rgba(60,70,80,0.13)", line: "rgba(60,70,80,0.35)", cursor: "#212529", surface: "#ffffff" },
    dark: { text: "#ced4da", grid: "rgba(200,210,220,0.13)", line: "rgba(200,210,220,0.35)", cursor: "#f1f3f5", surface: "#1a1d21" },
  };
  const CONFIG = { displaylogo: false, showSendToCloud: false, modeBarButtonsToRemove: ["toImage", "select2d", "lasso2d", "autoScale2d"] };
  const DPI = 300; // of saved pictures, at 11 by 6.2 inches
  const SIMULATED = "SIMULATED - research use only";
  const scheme = () => document.documentElement.getAttribute("data-mantine-color-scheme") || "light";

  let loading = null;
  /** The plotting library, fetched once; a megabyte that no page needs before its first figure. */
  function plotly() {
    loading ??= new Promise((resolve, reject) => {
      const script = Object.assign(document.createElement("script"), { src: "/assets/plotly-basic.min.js", onerror: reject });
      script.onload = () => resolve(window.Plotly);
      document.head.append(script);
    });
    return loading;
  }

  /** A figure of the server's in the colours of a theme. */
  function themed(figure, name = scheme()) {
    const t = THEMES[name] ?? THEMES.light;
    const axis = (given) => ({ ...given, gridcolor: t.grid, zerolinecolor: t.line, linecolor: t.line, tickcolor: t.line });
    const layout = {
      ...figure.layout,
      font: { ...figure.layout.font, color: t.text },
      paper_bgcolor: "rgba(0,0,0,0)",
      plot_bgcolor: "rgba(0,0,0,0)",
      hoverlabel: { bgcolor: t.surface, bordercolor: t.line, font: { color: t.text } },
    };
    for (const name of Object.keys(figure.layout)) if (/^[xy]axis/.test(name)) layout[name] = axis(figure.layout[name]);
    return { data: figure.data, layout };
  }

  const dayLine = (day) => ({
    name: "cursor", type: "line", xref: "x", yref: "paper", x0: day, x1: day, y0: 0, y1: 1,
    line: { color: (THEMES[scheme()] ?? THEMES.light).cursor, width: 1.5 },
  });
  const shapesOf = (figure) => [...(figure.layout.shapes ?? []), ...(rt.viewer && figure.layout.meta === "days" ? [dayLine(rt.viewer.state.day)] : [])];

  const kept = new WeakMap(); // element -> its figure as the server made it
  const drawn = new WeakSet();
  const seen = (element) => element.clientWidth > 20 && element.clientHeight > 20;

  /** Keep an element's figure and draw it, or wait until it is seen. */
  function show(id, figure) {
    const element = document.getElementById(id);
    if (!element) return;
    if (figure) kept.set(element, figure);
    else {
      kept.delete(element);
      if (drawn.delete(element)) window.Plotly.purge(element);
      return;
    }
    sizes.observe(element);
    if (seen(element)) draw(element);
  }

  const logged = new WeakSet(); // elements whose volumes are on a logarithmic axis
  /** The figure of an element as it is looked at: its own axis, or a logarithmic one where that was asked for. */
  function figureOf(element) {
    const figure = kept.get(element);
    if (!figure || !logged.has(element)) return figure;
    const { rangemode, range, ...yaxis } = figure.layout.yaxis;
    return { data: figure.data, layout: { ...figure.layout, uirevision: "log", yaxis: { ...yaxis, type: "log", autorange: true } } };
  }

  const waiting = new WeakSet(); // elements that will be drawn as soon as plotly is here

  async function draw(element) {
    if (waiting.has(element)) return;
    waiting.add(element);
    const Plotly = await plotly();
    waiting.delete(element);
    const figure = figureOf(element);
    if (!figure || !element.isConnected) return;
    const { data, layout } = themed(figure, element.closest(".rt-paper") ? "light" : scheme()); // paper is white
    layout.shapes = shapesOf(figure);
    await Plotly.react(element, data, { ...layout, autosize: true }, CONFIG);
    if (drawn.has(element)) return;
    drawn.add(element);
    element.on("plotly_click", (click) => clicked(element, click.points[0]));
  }

  function clicked(element, point) {
    if (!point) return;
    if (rt.viewer && kept.get(element)?.layout.meta === "days") rt.viewer.chooseDay(point.x);
    const store = element.dataset.click;
    if (store && point.customdata !== undefined) window.dash_clientside.set_props(store, { data: point.customdata });
  }

  const sizes = new ResizeObserver((entries) => {
    for (const { target } of entries) {
      if (!target.isConnected) sizes.unobserve(target);
      else if (!seen(target)) continue;
      else if (drawn.has(target)) resized(target);
      else draw(target);
    }
  });

  /** Plotly places a legend whose lines have become fewer or more only when it draws once more. */
  async function resized(element) {
    await window.Plotly.Plots.resize(element);
    if (element.layout?.showlegend !== false && element.querySelector(".legend")) window.Plotly.redraw(element);
  }

  /** Move the line of the day in every figure over time; plotly redraws shapes alone. */
  function cursor() {
    for (const element of document.querySelectorAll(".rt-figure")) {
      const figure = kept.get(element);
      if (drawn.has(element) && figure?.layout.meta === "days") window.Plotly.relayout(element, { shapes: shapesOf(figure) });
    }
  }

  // ---- saving ------------------------------------------------------------------------------------------------

  /** What a saved figure is of: its name with the patient, the plans, and over time the day that the viewers show. */
  function captionOf(element, figure) {
    const { manifest, state } = rt.viewer ?? {};
    const plans = manifest?.plans?.filter((plan) => plan.slug).map((plan) => plan.label).join(" v ");
    const day = figure.layout.meta === "days" && manifest?.plans ? `viewers on day ${state.day.toFixed(1)}` : "";
    return [element.getAttribute("aria-label"), plans, day].filter(Boolean).join(", ");
  }

  /** A figure for print: light, titled, and stamped whatever the server put on it. */
  function printed(element) {
    const figure = figureOf(element);
    const { data, layout } = themed(figure, "light");
    const notes = figure.layout.annotations ?? [];
    const stamp = { text: SIMULATED, xref: "paper", yref: "paper", x: 1, y: 1.02, xanchor: "right", yanchor: "bottom", showarrow: false, bgcolor: "#ffb000", font: { size: 10, color: "#1a1200" }, borderpad: 3 };
    const title = { text: captionOf(element, figure), font: { size: 14 }, x: 0.02, y: 0.985, yanchor: "top" };
    const margin = { ...layout.margin, t: (layout.margin?.t ?? 30) + 34 };
    const stamped = notes.some((note) => note.text === SIMULATED) ? notes : [...notes, stamp];
    return { data, layout: { ...layout, title, margin, annotations: stamped, shapes: figure.layout.shapes ?? [], paper_bgcolor: "#ffffff", plot_bgcolor: "#ffffff", autosize: false } };
  }

  const cell = (value) => {
    const text = value === null || value === undefined ? "" : Array.isArray(value) ? value.join(" ") : String(value).replaceAll(/<[^>]*>/g, " ");
    return /[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };

  /** Every point of a figure as rows: series, x, y and what it says. */
  function table(element) {
    const { data, layout } = kept.get(element);
    const axis = (name) => layout[name]?.title?.text || name.slice(0, 1);
    const rows = [[`# ${SIMULATED}; ${element.getAttribute("aria-label")}`], ["series", axis("xaxis"), axis("yaxis"), "text"]];
    for (const trace of data) {
      (trace.x ?? []).forEach((x, n) => {
        const text = Array.isArray(trace.text) ? trace.text[n] : trace.customdata?.[n];
        if (x !== null) rows.push([trace.name ?? trace.legendgroup ?? "", x, trace.y?.[n], text]);
      });
    }
    return rows.map((row, n) => (n ? row.map(cell).join(",") : row[0])).join("\n");
  }

  /** A data URL as a blob; `fetch` may not read one on these pages. */
  function blobOf(url) {
    const [head, body] = [url.slice(0, url.indexOf(",")), url.slice(url.indexOf(",") + 1)];
    const type = head.slice(5).split(";")[0];
    if (!head.endsWith("base64")) return new Blob([decodeURIComponent(body)], { type });
    return new Blob([Uint8Array.from(atob(body), (c) => c.charCodeAt(0))], { type });
  }

  /** A PNG that says how large it is printed: its pHYs chunk, in pixels a metre, after the header (PNG specification 11.3.4.3). */
  async function withDpi(blob) {
    const bytes = new Uint8Array(await blob.arrayBuffer());
    const chunk = new DataView(new ArrayBuffer(21));
    const perMetre = Math.round(DPI / 0.0254);
    chunk.setUint32(0, 9);
    [..."pHYs"].forEach((letter, n) => chunk.setUint8(4 + n, letter.charCodeAt(0)));
    chunk.setUint32(8, perMetre);
    chunk.setUint32(12, perMetre);
    chunk.setUint8(16, 1);
    let crc = 0xffffffff;
    for (let i = 4; i < 17; i++) {
      crc ^= chunk.getUint8(i);
      for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
    }
    chunk.setUint32(17, ~crc >>> 0);
    const header = 33; // the signature and IHDR
    return new Blob([bytes.slice(0, header), chunk.buffer, bytes.slice(header)], { type: "image/png" });
  }

  /** Save the figure, or the long table, that is seen in the card of a button. */
  async function save(button) {
    const card = button.closest(".rt-card");
    const format = button.dataset.save;
    const element = [...card.querySelectorAll(".rt-figure, .rt-grid")].find((e) => seen(e) && (kept.has(e) || e.matches(".rt-grid")));
    if (!element) return;
    const name = `simulated_${rt.viewer?.manifest.key ?? "study"}_${element.id}`.replace(/[^\w.-]+/g, "-");
    if (format === "csv") {
      const text = kept.has(element) ? table(element) : `# ${SIMULATED}\n${rt.longTable.csv(element)}`;
      return rt.download(new Blob([text], { type: "text/csv" }), `${name}.csv`);
    }
    const Plotly = await plotly();
    const url = await Plotly.toImage(printed(element), { format, width: 1100, height: 620, scale: format === "png" ? DPI / 100 : 1 });
    rt.download(format === "png" ? await withDpi(blobOf(url)) : blobOf(url), `${name}.${format}`);
  }

  /** Volumes on a logarithmic axis, or on their own again: a plan that lets a tumour grow flattens all others. */
  function toggleLog(button) {
    const on = button.getAttribute("aria-pressed") !== "true";
    button.setAttribute("aria-pressed", String(on));
    for (const id of button.dataset.log.split(" ")) {
      const element = document.getElementById(id);
      if (on) logged.add(element);
      else logged.delete(element);
      if (drawn.has(element)) draw(element);
    }
  }

  document.addEventListener("click", (event) => {
    const button = event.target.closest?.("[data-save]");
    if (button) save(button);
    const log = event.target.closest?.("[data-log]");
    if (log) toggleLog(log);
  });

  // Figures follow the theme when it is switched, or when it follows the system.
  new MutationObserver(() => {
    for (const element of document.querySelectorAll(".rt-figure")) if (drawn.has(element)) draw(element);
  }).observe(document.documentElement, { attributes: true, attributeFilter: ["data-mantine-color-scheme"] });

  rt.charts = { show, cursor, scheme, printed, table };
})();
