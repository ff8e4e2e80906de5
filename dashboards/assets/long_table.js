// Long tables: AG Grid in the page's colours; its scripts are fetched when the first such table is seen.
(() => {
  const rt = (window.rtTwin ??= {});
  const SCRIPT = "/_dash-component-suites/dash_ag_grid/dash_ag_grid.min.js";
  const { createElement, useEffect, useRef, useState } = window.React;

  let real = null;
  let loading = null;
  function load() {
    loading ??= new Promise((resolve, reject) => {
      const script = Object.assign(document.createElement("script"), { src: SCRIPT, onerror: reject });
      script.onload = () => {
        real = window.dash_ag_grid;
        window.dash_ag_grid = { ...real, AgGrid: Late }; // one component throughout: another one would begin anew
        resolve();
      };
      document.head.append(script);
    });
    return loading;
  }

  /** Stands for the grid, and becomes it when it is seen. */
  function Late(props) {
    const place = useRef(null);
    const [ready, setReady] = useState(Boolean(real));
    useEffect(() => {
      if (ready) return undefined;
      const seen = new ResizeObserver(() => place.current?.clientWidth && load().then(() => setReady(true)));
      seen.observe(place.current);
      return () => seen.disconnect();
    }, [ready]);
    return ready ? createElement(real.AgGrid, props) : createElement("div", { ref: place, id: props.id, className: "rt-grid rt-later" }, "\u2026");
  }
  Late.dashRenderType = true;
  window.dash_ag_grid = { AgGrid: Late };

  const missing = (value) => value === null || value === undefined;

  window.dashAgGridFunctions = {
    ...window.dashAgGridFunctions,
    rtTheme: (base) =>
      base.withParams({
        backgroundColor: "var(--rt-card)", foregroundColor: "var(--rt-text)", headerTextColor: "var(--rt-text)",
        headerBackgroundColor: "var(--rt-card)", borderColor: "var(--rt-line)", accentColor: "var(--rt-accent)",
        rowHoverColor: "var(--rt-row)", fontFamily: "inherit", fontSize: 12.5, headerFontWeight: 600,
        rowHeight: 28, headerHeight: 32, cellHorizontalPadding: 7, wrapperBorder: false, wrapperBorderRadius: 0,
        headerColumnResizeHandleColor: "transparent", browserColorScheme: "inherit",
      }),
    rtWords: (value, none) => (missing(value) ? none : String(value)),
    rtNumber: (value, digits, none) => (missing(value) ? none : value.toFixed(digits).replace("-", "\u2212")),
    /** The day of "2026-11-21 10:30"; the tooltip says the time. */
    rtDate: (value) => value.slice(0, 10),
    /** What is missing stays last in both directions. */
    rtMissingLast: (a, b, _one, _other, down) => {
      if (missing(a) || missing(b)) return (missing(a) - missing(b)) * (down ? -1 : 1);
      return typeof a === "number" ? a - b : String(a).localeCompare(String(b));
    },
  };

  const pageLink = (href, className, words) => createElement(window.dash_core_components.Link, { href, className }, words);

  window.dashAgGridComponentFunctions = {
    ...window.dashAgGridComponentFunctions,
    /** A patient's name that opens his card. */
    rtPick: ({ value }) => createElement("button", { className: "rt-who", type: "button", tabIndex: -1, "data-pick": value }, value),
    /** A name that opens its page, and a patient's way to a comparison. */
    rtLink: ({ value, data }) => (data.open ? pageLink(data.open, "rt-who", value) : value),
    rtCompare: ({ value }) => (value ? pageLink(value, "rt-button", "Compare") : ""),
    /** The way to another name, or to the bin. */
    rtChange: ({ data }) =>
      createElement("button", { className: "rt-button", type: "button", tabIndex: -1, title: `Rename or delete ${data.key}`, "data-change": data.key, "data-kind": data.kind }, "Change"),
    /** A scenario with its colour. */
    rtPlan: ({ value, data }) =>
      createElement("span", null, createElement("span", { className: "rt-swatch", style: { background: data.colour } }), value),
  };

  /** The rows of a table in the order and choice in which it shows them, as CSV. */
  const csv = (element) => window.dash_ag_grid.getApi(element.id).getDataAsCsv();
  /** Leave the rows of all tables in which every word stands. */
  const find = async (text) => {
    const tables = document.querySelectorAll(".rt-grid");
    if (tables.length) await load();
    for (const { id } of tables) (await window.dash_ag_grid.getApiAsync(id)).setGridOption("quickFilterText", text);
  };
  rt.longTable = { csv, find };

  // Enter in a cell does what a click on its button does: the keyboard moves between cells, not between buttons.
  document.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && event.target.matches?.(".ag-cell")) event.target.querySelector("button, a")?.click();
  });
})();
