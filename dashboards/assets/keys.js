// The keyboard, as people know it from other viewers. Controls on the page follow through set_props.
(() => {
  const rt = (window.rtTwin ??= {});

  const KEYS = {
    ArrowUp: (v) => v.step(1, v.active),
    ArrowDown: (v) => v.step(-1, v.active),
    PageUp: (v) => v.step(5, v.active),
    PageDown: (v) => v.step(-5, v.active),
    Home: (v) => v.step(-1e6, v.active),
    End: (v) => v.step(1e6, v.active),
    ArrowLeft: (v) => v.stepDay(-1),
    ArrowRight: (v) => v.stepDay(1),
    "+": (v) => v.zoom(1.25),
    "=": (v) => v.zoom(1.25),
    "-": (v) => v.zoom(0.8),
    1: (v) => v.choose("window", "soft"),
    2: (v) => v.choose("window", "lung"),
    3: (v) => v.choose("window", "bone"),
    4: (v) => v.choose("window", "brain"),
    i: (v) => v.set({ inverted: !v.state.inverted }),
    l: () => document.querySelector("[data-lists]")?.click(),
    d: (v) => v.chooseNext("difference"),
    c: (v) => v.play(),
    r: (v) => v.reset(),
    m: (v) => v.enlarge(v.active ?? v.panels[0]),
    g: (v) => v.chooseNext("structures"),
    t: (v) => v.chooseNext("dose"),
    p: (v) => v.chooseNext("scan"),
    v: (v) => v.chooseNext("plane"),
  };

  /** Whether an element uses the key itself: fields, lists, and sliders or tabs for the arrow keys. */
  function takes(element, key) {
    if (element.isContentEditable || element.matches("textarea, select, input:not([type=radio]):not([type=checkbox])")) return true;
    const moves = key.startsWith("Arrow") || key === "Home" || key === "End" || key.startsWith("Page");
    return moves && Boolean(element.closest('[role="slider"], [role="tab"], [role="listbox"], [role="radiogroup"], [role="dialog"], .rt-scroll'));
  }

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || takes(event.target, event.key)) return;
    if (event.key === "?") return window.dash_clientside.set_props("keys-sheet", { opened: true });
    const action = rt.viewer && !rt.viewer.closed && KEYS[event.key];
    if (!action) return;
    event.preventDefault();
    action(rt.viewer);
  });
})();
