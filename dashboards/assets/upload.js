// Files dropped on the page or chosen, sent as they are; the page then names them by a token.
(() => {
  const zoneOf = (event) => (event.target.closest ? event.target.closest(".rt-drop") : null);

  function send(zone, file) {
    const request = new XMLHttpRequest();
    request.open("POST", `/upload?name=${encodeURIComponent(file.name)}`);
    request.setRequestHeader("X-RT-Twin", "upload");
    request.upload.onprogress = (event) => {
      if (event.lengthComputable) zone.textContent = `${file.name}: ${Math.round((100 * event.loaded) / event.total)} %`;
    };
    request.onload = () => {
      let answer = {};
      try {
        answer = JSON.parse(request.responseText);
      } catch {
        answer = { error: `${file.name} was refused` };
      }
      done(zone, file, request.status === 200 ? answer : null, answer.error);
    };
    request.onerror = () => done(zone, file, null, `${file.name} could not be sent`);
    request.send(file);
  }

  function done(zone, file, answer, error) {
    zone.classList.toggle("rt-failed", !answer);
    zone.classList.toggle("rt-sent", Boolean(answer));
    zone.textContent = answer ? `${file.name} (${(file.size / 2 ** 20).toFixed(1)} MB)` : error;
    window.dash_clientside.set_props(zone.dataset.store, { data: answer });
  }

  function choose(zone) {
    const input = Object.assign(document.createElement("input"), { type: "file" });
    input.onchange = () => input.files[0] && send(zone, input.files[0]);
    input.click();
  }

  document.addEventListener("click", (event) => {
    const zone = zoneOf(event);
    if (zone) choose(zone);
  });
  document.addEventListener("keydown", (event) => {
    const zone = zoneOf(event);
    if (zone && (event.key === "Enter" || event.key === " ")) {
      event.preventDefault();
      choose(zone);
    }
  });
  for (const name of ["dragover", "drop"]) {
    document.addEventListener(name, (event) => {
      event.preventDefault(); // a file that misses its place must not replace the page
      const zone = zoneOf(event);
      zone?.classList.toggle("rt-over", name === "dragover");
      if (name === "drop" && zone && event.dataTransfer.files[0]) send(zone, event.dataTransfer.files[0]);
    });
  }
  document.addEventListener("dragleave", (event) => zoneOf(event)?.classList.remove("rt-over"));

  Object.assign((window.rtTwin ??= {}), { send });
})();
