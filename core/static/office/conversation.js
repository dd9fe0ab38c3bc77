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
  const JSON_PLEASE = { Accept: "application/json" };
  const NEAR = 60;
  let inSight = false;
  let read = Number(talk.dataset.last);
  let last = read;

  const toEnd = () => {
    list.scrollTop = list.scrollHeight;
  };

  /* Markup of the same origin, escaped by the server. */
  const show = (state) => {
    const atEnd = list.scrollHeight - list.scrollTop - list.clientHeight < NEAR;
    if (list.innerHTML !== state.messages) {
      list.innerHTML = state.messages;
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
    read = last;
    const body = new FormData();
    body.append("last", String(last));
    body.append("csrfmiddlewaretoken", csrf());
    fetch(talk.dataset.readUrl, { method: "POST", body });
  };

  const csrf = () => document.querySelector("[name=csrfmiddlewaretoken]").value;

  new IntersectionObserver((entries) => {
    inSight = entries.some((entry) => entry.isIntersecting);
    noteReading();
  }).observe(list);
  document.addEventListener("visibilitychange", noteReading);

  const ready = () => {
    toEnd();
    if (form) {
      prepare();
    }
    if (window.Live) {
      window.Live.watch("messages:" + talk.dataset.talk, show);
    }
  };

  const prepare = () => {
    const text = form.elements.text;
    const note = form.elements.internal;
    const error = form.querySelector("[data-talk-error]");
    const button = form.querySelector("[type=submit]");

    const tell = (message) => {
      error.textContent = message;
      error.hidden = !message;
    };

    const markNote = () => form.classList.toggle("talk-form--internal", Boolean(note && note.checked));

    const send = async () => {
      button.disabled = true;
      try {
        const answer = await fetch(form.action, {
          method: "POST",
          headers: JSON_PLEASE,
          body: new FormData(form),
        });
        if (!answer.ok || answer.redirected) {
          throw new Error("not sent: " + answer.status);
        }
        took(await answer.json());
      } catch {
        tell(form.dataset.failed);
      }
      button.disabled = false;
    };

    const took = (state) => {
      tell(state.error || "");
      if (state.error) {
        return;
      }
      form.elements.request_key.value = state.request_key;
      form.reset();
      form.elements.request_key.value = state.request_key;
      markNote();
      read = state.last;
      show(state);
      toEnd();
    };

    form.addEventListener("submit", (event) => {
      /* The page's other scripts watch forms that lead away from it; this one does not. */
      event.preventDefault();
      event.stopPropagation();
      if (!button.disabled) {
        send();
      }
    });
    text.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
        form.requestSubmit();
      }
    });
    if (note) {
      note.addEventListener("change", markNote);
      markNote();
    }
  };

  ready();
});
