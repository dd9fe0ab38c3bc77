/* Messages that were sent from a page and that the office has not confirmed: one after the other, in the
   order they were written, each with the key by which the office knows it again. They outlive the page. */
"use strict";
window.Outbox = window.Outbox || (() => {
  const HOUR_MS = 3600 * 1000;
  const RETRY_MS = [2000, 5000, 15000, 30000];
  const JSON_PLEASE = { Accept: "application/json" };
  /* Waiting for a person; everything else goes on by itself. */
  const HELD = new Set(["stopped", "refused", "out"]);

  const newKey = () =>
    [...crypto.getRandomValues(new Uint8Array(16))]
      .map((byte) => byte.toString(16).padStart(2, "0"))
      .join("");

  /* What became of a message: `taken` holds the office's answer, `why` its reason against it. */
  const sent = async (action, body) => {
    let answer;
    try {
      answer = await fetch(action, { method: "POST", headers: JSON_PLEASE, body });
      if (answer.redirected || answer.status === 401 || answer.status === 403) {
        return { state: "out" };
      }
      const taken = answer.ok ? await answer.json() : null;
      if (taken && taken.error) {
        return { state: "refused", why: taken.error };
      }
      return taken ? { state: "taken", taken } : { state: "failed" };
    } catch (error) {
      /* No network, or half an answer: the key makes it safe to ask again. */
      if (error instanceof TypeError || error instanceof SyntaxError || error instanceof DOMException) {
        return { state: "failed" };
      }
      throw error;
    }
  };

  return class {
    /* `place`: how its names among the drafts begin. `body(message)`: the form to post.
       `taken(answer)` and `changed(messages)` are told what happens. */
    constructor({ place, action, body, taken, changed }) {
      Object.assign(this, { place, action, body, taken, changed });
      this.busy = false;
      this.failures = 0;
      this.timer = 0;
      this.messages = window.Drafts.names(place)
        .map((name) => window.Drafts.read(name))
        .sort((one, other) => one.at - other.at)
        /* What nobody has looked after for an hour is not sent without a person. */
        .map((one) => Object.assign(one, { state: Date.now() - one.at < HOUR_MS ? "waiting" : "stopped" }));
      window.addEventListener("online", () => this.run());
      this.changed(this.messages);
      this.run();
    }

    add(text, internal) {
      const message = { key: newKey(), at: Date.now(), text, internal, state: "waiting" };
      this.messages.push(message);
      window.Drafts.write(this.place + message.key, message);
      this.changed(this.messages);
      this.run();
    }

    remove(message) {
      this.messages.splice(this.messages.indexOf(message), 1);
      window.Drafts.drop(this.place + message.key);
      this.changed(this.messages);
      this.run();
    }

    again(message) {
      message.state = "waiting";
      this.run();
    }

    /* The first one alone is under way; what fails holds up those behind it, so that order is kept. */
    async run() {
      window.clearTimeout(this.timer);
      const message = this.messages[0];
      if (this.busy || !message || HELD.has(message.state)) {
        return;
      }
      this.busy = true;
      message.state = "sending";
      this.changed(this.messages);
      const end = await sent(this.action, this.body(message));
      this.busy = false;
      if (end.state === "taken") {
        this.failures = 0;
        this.taken(end.taken);
        this.remove(message);
        return;
      }
      Object.assign(message, end);
      if (end.state === "failed") {
        const wait = RETRY_MS[Math.min(this.failures, RETRY_MS.length - 1)];
        this.failures += 1;
        this.timer = window.setTimeout(() => this.run(), wait);
      }
      this.changed(this.messages);
    }
  };
})();
