// Figures in the page's theme, and the line that marks the day which the viewers show.
(() => {
  const rt = (window.rtTwin ??= {});

  const THEMES = {
    light: { text: "#343a40", grid: "rgba(60,70,80,0.13)", line: "rgba(60,70,80,0.35)", cursor: "#212529", surface: "#ffffff" },
    dark: { text: "#ced4da", grid: "rgba(200,210,220,0.13)", line: "rgba(200,210,220,0.35)", cursor: "#f1f3f5", surface: "#1a1d21" },
  };
  const scheme = () => document.documentElement.getAttribute("data-mantine-color-scheme") || "light";

  /** A figure of the server's in the colours of the theme. */
  function themed(figure) {
    if (!figure) return figure;
    const t = THEMES[scheme()] ?? THEMES.light;
    const axis = (given) => ({ ...given, gridcolor: t.grid, zerolinecolor: t.line, linecolor: t.line, tickcolor: t.line });
    const layout = {
      ...figure.layout,
      font: { ...figure.layout.font, color: t.text },
      paper_bgcolor: "rgba(0,0,0,0)",
      plot_bgcolor: "rgba(0,0,0,0)",
      hoverlabel: { bgcolor: t.surface, bordercolor: t.line, font: { color: t.text } },
    };
    if (rt.viewer && figure.layout.meta === "days") layout.shapes = [dayLine(rt.viewer.state.day)];
    for (const name of Object.keys(figure.layout)) if (/^[xy]axis/.test(name)) layout[name] = axis(figure.layout[name]);
    return { ...figure, layout };
  }

  function dayLine(day) {
    const t = THEMES[scheme()] ?? THEMES.light;
    return { name: "cursor", type: "line", xref: "x", yref: "paper", x0: day, x1: day, y0: 0, y1: 1, line: { color: t.cursor, width: 1.5 } };
  }

  /** Move the line of the day in every figure over time; plotly redraws shapes alone. */
  function cursor(day) {
    for (const plot of document.querySelectorAll(".js-plotly-plot")) {
      if (plot.layout?.meta === "days" && window.Plotly) window.Plotly.relayout(plot, { shapes: [dayLine(day)] });
    }
  }

  // Figures follow the theme when it is switched, or when it follows the system.
  new MutationObserver(() => {
    window.dash_clientside?.set_props?.("scheme", { data: scheme() });
  }).observe(document.documentElement, { attributes: true, attributeFilter: ["data-mantine-color-scheme"] });

  rt.charts = { themed, cursor, scheme };
})();
