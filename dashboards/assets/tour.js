// Five steps through a comparison: offered once, and again by the button of the header.
(() => {
  const rt = (window.rtTwin ??= {});
  const SEEN = "rt-tour"; // of the browser's own memory
  const PAGE = "/compare";
  const STEPS = [
    [".rt-panels", "Alternatives side by side", "Each panel is one plan of the same patient on the same day. The wheel changes the slice, a click sets the crosshair in all of them, a drag with the right button sets the window."],
    [".rt-time-row", "Time", "The slider chooses the day. Play runs through the follow-ups as fast as the days pass; GIF (and MP4, where the dashboard can make it) saves them as a film."],
    ["[data-lists]", "What is drawn", "Lists holds every structure and isodose, units of dose, the PET's window and measuring; 3-D shows tumour, organs and an isodose in space."],
    [".rt-bottom > :first-child", "How far it goes", "Volume, diameters, doses and the course of treatment, each with its interval named. A click on a day shows it above."],
    [".rt-bottom > :last-child", "What to make of it", "Outcomes with their grade of credibility, differences patient by patient, goals, and what trials found. All of it is simulated: the amber mark says so on every page, picture and file."],
  ];
  let at = -1;
  let before = null;

  const seen = () => {
    try {
      return window.localStorage.getItem(SEEN);
    } catch {
      return "no memory";
    }
  };
  function remember() {
    try {
      window.localStorage.setItem(SEEN, "yes");
    } catch {
      // a browser that keeps nothing offers it again
    }
  }

  const forget = () => seen() === "yes" && window.localStorage.removeItem(SEEN);

  function made(tag, properties, ...children) {
    const element = Object.assign(document.createElement(tag), properties);
    element.append(...children);
    return element;
  }
  const button = (words, act, strong = false) => {
    const one = made("button", { type: "button", className: `rt-button${strong ? " rt-strong" : ""}`, innerText: words });
    one.addEventListener("click", act);
    return one;
  };

  function bubble(title, text, ...buttons) {
    close();
    const head = made("h2", { id: "tour-title", innerText: title });
    const box = made("section", { id: "tour", className: "rt-tour" }, head, made("p", { innerText: text }), made("div", { className: "rt-actions" }, ...buttons));
    box.setAttribute("role", "dialog");
    box.setAttribute("aria-labelledby", "tour-title");
    document.querySelector(".rt-app").append(box);
    return box;
  }

  function close() {
    document.getElementById("tour")?.remove();
    for (const marked of document.querySelectorAll(".rt-toured")) marked.classList.remove("rt-toured");
  }

  function end() {
    remember();
    close();
    at = -1;
    before?.focus?.();
  }

  function show(step) {
    at = step;
    const [where, title, text] = STEPS[step];
    const last = step === STEPS.length - 1;
    const next = button(last ? "Done" : "Next", () => (last ? end() : show(step + 1)), true);
    const back = step ? [button("Back", () => show(step - 1))] : [];
    const box = bubble(`${step + 1} of ${STEPS.length}: ${title}`, text, ...back, next, ...(last ? [] : [button("End the tour", end)]));
    const target = document.querySelector(where);
    target?.classList.add("rt-toured");
    target?.scrollIntoView({ block: "nearest" });
    box.classList.toggle("rt-tour-up", target?.getBoundingClientRect().bottom > window.innerHeight - box.offsetHeight); // beside what it is about
    next.focus({ preventScroll: true });
  }

  function begin() {
    before = document.querySelector("[data-tour]");
    remember();
    if (document.querySelector(".rt-compare")) return show(0);
    window.dash_clientside.set_props("url", { pathname: PAGE, search: "" });
    const from = Date.now();
    const wait = setInterval(() => {
      if (document.querySelector(".rt-compare")) show(0);
      else if (Date.now() - from < 15000 && !(window.location.pathname === PAGE && document.querySelector("#page .rt-notice"))) return;
      else noComparison();
      clearInterval(wait);
    }, 100);
  }

  /** The tour goes through a comparison; who has none may have the demo made, and is asked again when it is opened. */
  function noComparison() {
    const make = () => document.getElementById("demo-make"); // the page may be made anew meanwhile
    const demo = button("Make the demo", () => {
      end();
      forget();
      make()?.click();
    }, true);
    const words = "The tour goes through a comparison. ";
    const how = make() ? "The demo takes a minute or two; open it at the lower right, and the tour is offered there." : "Come back when there is one.";
    bubble("No comparison yet", words + how, ...(make() ? [demo] : []), button("Close", end, !make())).querySelector("button").focus();
  }

  document.addEventListener("click", (event) => {
    if (event.target.closest?.("[data-tour]")) begin();
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && document.getElementById("tour")) end();
  });

  /** Offer the tour to who has never seen it, where there is something to see. */
  rt.offerTour = () => {
    if (at >= 0 && !document.querySelector(".rt-compare")) end();
    if (seen() || document.getElementById("tour") || !document.querySelector(".rt-compare")) return;
    bubble("New here?", "Five steps show what this page holds.", button("Take the tour", begin, true), button("No, thanks", end));
  };
})();
