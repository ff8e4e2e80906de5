// The frame around pages: which page is open and of whom, and a page that is made anew when its subject has changed.
(() => {
  const rt = (window.rtTwin ??= {});
  const LOOK_MS = 4000;

  const subject = () => document.querySelector("#page [data-version]");
  const typing = () => document.activeElement?.matches?.("input:not([type=radio]):not([type=checkbox]), textarea, select") ?? false;

  /** The rules of what stands on every printed page: fixed parts of the page itself do not reach each last one. */
  function footers() {
    return document.getElementById("footers") ?? document.head.appendChild(Object.assign(document.createElement("style"), { id: "footers" }));
  }

  /** Mark the open page in the navigation; name page and patient in the tab's title, and the patient in header, drawers and prints. */
  function frame() {
    const start = document.querySelector("#page .rt-compare") ? "/compare" : "/patients";
    const path = window.location.pathname === "/" ? start : window.location.pathname;
    let title = "";
    for (const link of document.querySelectorAll(".rt-nav .rt-link")) {
      const here = link.getAttribute("href") === path;
      link.classList.toggle("rt-here", here);
      if (here) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
      if (here) title = link.innerText;
    }
    title ||= document.querySelector("#page .rt-paper h1")?.innerText ?? "";
    const who = subject()?.dataset.patient ?? "";
    document.getElementById("who").innerText = who;
    document.documentElement.style.setProperty("--rt-who", JSON.stringify(who ? ` \u00b7 ${who}` : ""));
    footers().textContent = `@page { @bottom-left { content: ${JSON.stringify(`SIMULATED - research use only${who ? ` \u00b7 ${who}` : ""}`)}; font: 700 9px sans-serif; } @bottom-right { content: counter(page) " / " counter(pages); font: 9px sans-serif; } }`;
    document.title = [title, who].filter(Boolean).join(", ") + (title ? " - RT-Twin" : "RT-Twin");
  }

  /** Whether the subject on disk is another than the one that is shown; then the page is asked for again. */
  async function look() {
    const shown = subject();
    if (!shown || document.hidden || typing()) return;
    const { of, key, version } = shown.dataset;
    const answer = await fetch(`/data/version?${new URLSearchParams({ of, key })}`).catch(() => null);
    const now = answer?.ok ? await answer.text() : version;
    if (!now || now === version || !shown.isConnected) return;
    const query = new URLSearchParams(window.location.search);
    query.set(of, key);
    query.set("changed", now);
    window.dash_clientside.set_props("url", { search: `?${query}` });
  }
  setInterval(look, LOOK_MS);

  // The head of a sheet or a drawer is no banner of the page.
  new MutationObserver(() => {
    for (const head of document.querySelectorAll("header:is(.mantine-Modal-header, .mantine-Drawer-header):not([role])")) head.setAttribute("role", "none");
  }).observe(document.documentElement, { childList: true, subtree: true });

  // A report is printed, or saved as PDF, by the browser itself: it needs nothing else.
  document.addEventListener("click", (event) => {
    if (event.target.closest?.("[data-print]")) window.print();
  });

  rt.framed = () => {
    frame();
    setTimeout(rt.offerTour, 400);
    setTimeout(frame, 60); // the page's elements stand a moment after its callback
  };
})();
