// Files dropped on the page or chosen, sent as they are; the page then names them by a token.
// Their names may name a patient: nothing of them is sent or shown but the ending.
(() => {
  const MOST_FILES = 6000; // as the server allows
  const AT_ONCE = 4;
  const zoneOf = (event) => (event.target.closest ? event.target.closest(".rt-drop") : null);
  const zoneFor = (store) => document.querySelector(`.rt-drop[data-store="${store}"]`);
  const ENDING = /\.(zip|nii\.gz|nii|nrrd|dcm|json|csv)$/i;
  const plainName = (file) => `upload${(file.name.match(ENDING) ?? [""])[0].toLowerCase()}`;
  const megabytes = (bytes) => `${(bytes / 2 ** 20).toFixed(1)} MB`;

  /** One request; its answer, or the sentence of what went wrong as an error. */
  function post(query, body, onProgress) {
    return new Promise((resolve, reject) => {
      const request = new XMLHttpRequest();
      request.open("POST", `/upload?${new URLSearchParams(query)}`);
      request.setRequestHeader("X-RT-Twin", "upload");
      const token = document.cookie.match(/(?:^|; )rt-twin-csrf=([0-9a-f]+)/)?.[1];
      if (token) request.setRequestHeader("X-RT-Twin-CSRF", token);
      if (onProgress) request.upload.onprogress = (event) => event.lengthComputable && onProgress(event.loaded / event.total);
      request.onload = () => {
        let answer = {};
        try {
          answer = JSON.parse(request.responseText);
        } catch {
          answer = { error: "it was refused" };
        }
        if (request.status === 200) resolve(answer);
        else reject(new Error(answer.error));
      };
      request.onerror = () => reject(new Error("it could not be sent"));
      request.send(body);
    });
  }

  async function send(zone, file) {
    begin(zone);
    try {
      const answer = await post({ name: plainName(file) }, file, (share) => (zone.textContent = `${Math.round(100 * share)} %`));
      done(zone, answer, `1 file (${megabytes(file.size)})`);
    } catch (error) {
      done(zone, null, `not sent: ${error.message}`);
    }
  }

  /** Several files as one folder, some at a time. */
  async function sendFolder(zone, files) {
    begin(zone);
    try {
      if (files.length > MOST_FILES) throw new Error(`more than ${MOST_FILES} files; import it with rt-twin import`);
      const { token } = await post({ folder: "yes" });
      const waiting = [...files];
      let sent = 0;
      const lane = async () => {
        for (let file = waiting.pop(); file; file = waiting.pop()) {
          await post({ into: token }, file);
          zone.textContent = `${++sent} of ${files.length} files`;
        }
      };
      await Promise.all(Array.from({ length: AT_ONCE }, lane));
      const size = files.reduce((sum, file) => sum + file.size, 0);
      done(zone, { token }, `${files.length} files (${megabytes(size)})`);
    } catch (error) {
      done(zone, null, `not sent: ${error.message}`);
    }
  }

  function begin(zone) {
    zone.dataset.words ??= zone.textContent;
    zone.classList.remove("rt-failed", "rt-sent");
    window.dash_clientside.set_props(zone.dataset.store, { data: null });
  }

  function done(zone, answer, words) {
    zone.classList.toggle("rt-failed", !answer);
    zone.classList.toggle("rt-sent", Boolean(answer));
    zone.textContent = words;
    window.dash_clientside.set_props(zone.dataset.store, { data: answer });
  }

  /** A zone asks for files again once the sent ones were taken. */
  function emptied(store) {
    const zone = zoneFor(store);
    if (!zone?.classList.contains("rt-sent")) return;
    zone.classList.remove("rt-sent");
    zone.textContent = zone.dataset.words;
  }

  const hidden = (file) => file.name.startsWith(".");

  /** What was chosen: one file as it is, several as a folder. */
  function take(zone, files) {
    const shown = files.filter((file) => !hidden(file));
    if (!shown.length) return;
    if (shown.length === 1 || !zone.dataset.many) send(zone, shown[0]);
    else sendFolder(zone, shown);
  }

  /** All files below what was dropped; folders are read in the batches that browsers give. */
  async function below(entry, found) {
    if (found.length > MOST_FILES) return;
    if (entry.isFile) found.push(await new Promise((resolve, reject) => entry.file(resolve, reject)));
    if (!entry.isDirectory) return;
    const reader = entry.createReader();
    for (;;) {
      const batch = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
      if (!batch.length) return;
      for (const inner of batch) await below(inner, found);
    }
  }

  async function dropped(zone, transfer) {
    const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
    const files = [...transfer.files]; // gone after the first wait
    if (!zone.dataset.many || !entries.some((entry) => entry.isDirectory)) return take(zone, files);
    const found = [];
    for (const entry of entries) await below(entry, found);
    take(zone, found);
  }

  function choose(zone, folder = false) {
    const input = Object.assign(document.createElement("input"), { type: "file", multiple: Boolean(zone.dataset.many), webkitdirectory: folder });
    input.onchange = () => {
      take(zone, [...input.files]);
    };
    input.click();
  }

  document.addEventListener("click", (event) => {
    const store = event.target.closest?.("[data-folder]")?.dataset.folder;
    if (store) return choose(zoneFor(store), true);
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
      if (name === "drop" && zone && event.dataTransfer.files[0]) dropped(zone, event.dataTransfer);
    });
  }
  document.addEventListener("dragleave", (event) => zoneOf(event)?.classList.remove("rt-over"));

  Object.assign((window.rtTwin ??= {}), { send, take, emptied });
})();
