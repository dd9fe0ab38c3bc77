/* Asking(address, fields, { begin, take }): asks the office about what is typed in these fields, soon after each
   change. begin() is called before; take(answer) with the newest answer only, null where none came. Returns what
   asks at once. */
"use strict";
window.Asking = (address, fields, { begin = () => {}, take }) => {
  const WAIT = 300;
  let timer = 0;
  let asking = null;

  const ask = async () => {
    window.clearTimeout(timer);
    asking?.abort();
    const mine = new AbortController();
    asking = mine;
    begin();
    const typed = new URLSearchParams(fields.map((field) => [field.name, field.value.trim()]));
    let found = null;
    try {
      const answer = await fetch(`${address}?${typed}`, { signal: mine.signal, headers: { Accept: "application/json" } });
      if (answer.ok && !answer.redirected) {
        found = await answer.json();
      }
    } catch {
      /* No network, or another was asked. */
    }
    if (asking === mine) {
      take(found);
    }
  };

  const askSoon = () => {
    window.clearTimeout(timer);
    timer = window.setTimeout(ask, WAIT);
  };
  fields.forEach((field) => {
    field.addEventListener("input", askSoon);
    /* select2 tells of its changes through Django's own jQuery only. */
    if (field.matches("select")) {
      window.django?.jQuery(field).on("change", askSoon);
    }
  });
  return ask;
};
