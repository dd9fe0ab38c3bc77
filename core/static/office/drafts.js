/* What a person typed and the office has not taken yet, kept in this browser: Drafts.write(name, value).
   Names begin with the user's id, so that nobody is shown another's words. A week later it is gone. */
"use strict";
window.Drafts = window.Drafts || (() => {
  const PREFIX = "draft:";
  const WEEK_MS = 7 * 24 * 3600 * 1000;
  /* Where the browser keeps nothing (storage switched off or full), the page does while it is open. */
  const memory = new Map();

  const parsed = (json) => {
    try {
      return JSON.parse(json);
    } catch {
      return null;
    }
  };

  const entry = (name) => {
    const kept = memory.get(name) || window.withStorage((storage) => parsed(storage.getItem(PREFIX + name)));
    return kept && Date.now() - kept.at < WEEK_MS ? kept : null;
  };

  const drop = (name) => {
    memory.delete(name);
    window.withStorage((storage) => storage.removeItem(PREFIX + name));
  };

  const write = (name, value) => {
    const kept = { at: Date.now(), value };
    const done = window.withStorage((storage) => {
      storage.setItem(PREFIX + name, JSON.stringify(kept));
      return true;
    });
    if (done) {
      memory.delete(name);
    } else {
      memory.set(name, kept);
    }
  };

  const names = (start) => {
    const there = window.withStorage((storage) => Object.keys(storage)) || [];
    const own = there.filter((key) => key.startsWith(PREFIX)).map((key) => key.slice(PREFIX.length));
    return [...new Set([...own, ...memory.keys()])].filter((name) => name.startsWith(start));
  };

  names("").filter((name) => !entry(name)).forEach(drop);

  return {
    read: (name) => (entry(name) || { value: null }).value,
    write,
    drop,
    names,
  };
})();
