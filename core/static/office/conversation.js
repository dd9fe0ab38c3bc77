/* An order's conversation: sends without leaving the page, and keeps what is said up to date. */
"use strict";
document.addEventListener("DOMContentLoaded", () => {
  const talk = document.querySelector("[data-talk]");
  if (!talk) {
    return;
  }
  const list = talk.querySelector("[data-talk-messages]");
  const form = talk.querySelector("[data-talk-form]");
  const done = talk.querySelector("[data-talk-done]");
  const NEAR = 60;
  let inSight = false;
  let read = Number(talk.dataset.last);
  let last = read;

  const toEnd = () => {
    list.scrollTop = list.scrollHeight;
  };

  const show = (state) => {
    const atEnd = list.scrollHeight - list.scrollTop - list.clientHeight < NEAR;
    if (list.innerHTML !== state.messages) {
      window.replaceMarkup(list, state.messages);
    }
    if (atEnd || state.last > last) {
      toEnd();
    }
    last = state.last;
    if (done && !state.waiting) {
      done.hidden = true;
    }
    noteReading();
  };

  /* Seen is what was in sight of a page that is looked at. */
  const noteReading = () => {
    if (!inSight || document.hidden || read >= last) {
      return;
    }
    const before = read;
    read = last;
    const body = new FormData();
    body.append("last", String(last));
    body.append("csrfmiddlewaretoken", csrf());
    fetch(talk.dataset.readUrl, { method: "POST", body }).catch(() => {
      read = before; /* no network: noted with the next message or look */
    });
  };

  const csrf = () => document.querySelector("[name=csrfmiddlewaretoken]").value;

  new IntersectionObserver((entries) => {
    inSight = entries.some((entry) => entry.isIntersecting);
    noteReading();
  }).observe(list);
  document.addEventListener("visibilitychange", noteReading);

  /* What is typed outlives sending, another language, a session and a reload: one draft an order and user. */
  const prepare = () => {
    const text = form.elements.text;
    const note = form.elements.internal;
    const outbox = form.querySelector("[data-talk-outbox]");
    const place = `${talk.dataset.user}:talk:${talk.dataset.talk}`;

    const markNote = () => form.classList.toggle("talk-form--internal", Boolean(note && note.checked));

    const write = (words, internal) => {
      text.value = words;
      if (note) {
        note.checked = internal;
      }
      keep();
    };

    const keep = () => {
      markNote();
      if (text.value) {
        window.Drafts.write(place, { text: text.value, internal: Boolean(note && note.checked) });
      } else {
        window.Drafts.drop(place);
      }
    };

    /* Before what was typed since; a note stays one whatever it is put together with. */
    const takeBack = (message) => {
      const both = [message.text, text.value].filter(Boolean).join("\n");
      write(both, message.internal || Boolean(text.value && note && note.checked));
      sending.remove(message);
      text.focus();
    };

    const body = (message) => {
      const fields = new FormData();
      fields.append("csrfmiddlewaretoken", csrf());
      fields.append("request_key", message.key);
      fields.append("text", message.text);
      if (message.internal) {
        fields.append("internal", "1");
      }
      return fields;
    };

    const drawn = (message) => {
      const line = form.querySelector("[data-talk-unsent]").content.firstElementChild.cloneNode(true);
      const held = ["stopped", "refused", "out", "failed"].includes(message.state);
      line.classList.toggle("talk-message--internal", message.internal);
      line.querySelector("p").textContent = message.text;
      line.querySelector("[data-talk-state]").textContent = message.why || outbox.dataset[message.state];
      line.querySelector("[data-talk-again]").hidden = !held || message.state === "out";
      line.querySelector("[data-talk-edit]").hidden = !held;
      line.querySelector("[data-talk-reload]").hidden = message.state !== "out";
      line.querySelector("[data-talk-again]").addEventListener("click", () => sending.again(message));
      line.querySelector("[data-talk-edit]").addEventListener("click", () => takeBack(message));
      line.querySelector("[data-talk-reload]").addEventListener("click", () => window.location.reload());
      return line;
    };

    const taken = (state) => {
      read = state.last;
      show(state);
      toEnd();
    };

    const draft = window.Drafts.read(place);
    if (draft && !text.value) {
      write(draft.text, draft.internal);
    }
    const sending = new window.Outbox({
      place: place + ":",
      action: form.action,
      body,
      taken,
      changed: (messages) => outbox.replaceChildren(...messages.map(drawn)),
    });

    form.addEventListener("submit", (event) => {
      /* The page's other scripts watch forms that lead away from it; this one does not. */
      event.preventDefault();
      event.stopPropagation();
      const said = text.value;
      const internal = Boolean(note && note.checked);
      write("", false);
      sending.add(said, internal);
    });
    form.addEventListener("input", keep);
    text.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
        form.requestSubmit();
      }
    });
    markNote();
  };

  toEnd();
  /* Who came for the conversation types the answer; on a phone the keyboard would cover it. */
  if (form && window.location.hash === "#conversation" && window.matchMedia("(pointer: fine)").matches) {
    form.elements.text.focus();
  }
  if (form) {
    prepare();
  }
  if (window.Live) {
    window.Live.watch("messages:" + talk.dataset.talk, show);
  }
});
