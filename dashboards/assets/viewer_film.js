// The days of a viewer as a moving picture: each panel's own legend, patient, plan, day and stamp are part of it.
(() => {
  const rt = (window.rtTwin ??= {});
  const LONGEST_MS = 2000; // of one day
  const SHORTEST_MS = 250;
  const DAY_MS = 60;
  const WIDEST = 1600;
  const POLL_MS = 40;

  /** How long a day stays when so many pass until the next one: by the distance, so that the film has one clock. */
  rt.dayMs = (days) => Math.min(LONGEST_MS, Math.max(SHORTEST_MS, Math.round(days * DAY_MS)));

  rt.Viewer.learn(
    class Film {
      /** Until all that the panels want is here and drawn. */
      async still() {
        do await new Promise((resolve) => setTimeout(resolve, POLL_MS));
        while (!this.closed && (this.waiting || this.visible().some((panel) => panel.pending !== null && !panel.failure)));
      }

      /** The panels as they hang, as one PNG. */
      photograph() {
        const boxes = this.visible().map(({ canvas }) => [canvas, canvas.getBoundingClientRect()]);
        const left = Math.min(...boxes.map(([, box]) => box.left));
        const top = Math.min(...boxes.map(([, box]) => box.top));
        const wide = Math.max(...boxes.map(([, box]) => box.right)) - left;
        const high = Math.max(...boxes.map(([, box]) => box.bottom)) - top;
        const scale = Math.min(1, WIDEST / wide);
        const sheet = Object.assign(document.createElement("canvas"), { width: Math.round(wide * scale), height: Math.round(high * scale) });
        const context = sheet.getContext("2d");
        context.fillRect(0, 0, sheet.width, sheet.height);
        for (const [canvas, box] of boxes) {
          context.drawImage(canvas, (box.left - left) * scale, (box.top - top) * scale, box.width * scale, box.height * scale);
        }
        return new Promise((resolve) => sheet.toBlob(resolve));
      }

      /** Show every day in turn and save what is seen as the film that a button is for, which the server puts together. */
      async film(button) {
        if (this.filming) return;
        const { days, patient } = this.manifest;
        const before = this.state.day;
        const words = button.innerText;
        const kind = button.dataset.film;
        this.play(false);
        this.filming = true;
        try {
          const form = new FormData();
          form.append("kind", kind);
          for (const [n, day] of days.entries()) {
            button.innerText = `${n + 1}/${days.length}`;
            this.choose("day", day);
            await this.still();
            if (this.closed) return;
            form.append("frame", await this.photograph(), `${n}.png`);
            form.append("ms", n + 1 < days.length ? rt.dayMs(days[n + 1] - day) : LONGEST_MS);
          }
          const answer = await fetch("/film", { method: "POST", headers: { "X-RT-Twin": "film" }, body: form });
          if (!answer.ok) throw new Error(await answer.text());
          rt.download(await answer.blob(), `simulated_${patient}_days.${kind}`);
        } catch (error) {
          window.dash_clientside.set_props("fault", { children: `No film was made: ${error.message}` });
        } finally {
          this.filming = false;
          button.innerText = words;
          if (!this.closed) this.choose("day", before);
        }
      }
    },
  );

  document.addEventListener("click", (event) => {
    const button = event.target.closest?.("[data-film]");
    if (button && rt.viewer && !rt.viewer.closed) rt.viewer.film(button);
  });
})();
