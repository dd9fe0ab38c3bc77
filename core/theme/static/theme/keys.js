/* Shortcuts: / search, on a list in it, elsewhere for an order. Of lists: n adds, j and k move over the rows, Enter opens, x selects, ? tells. What
   else a page offers has its letter in data-key; that of an object's page is pressed on the list too, for the row with the focus or the first
   (data-row-keys). Who speaks to the computer, or types without looking, switches them off; this browser keeps that. */
'use strict';
{
  const TYPING = 'input:not([type=checkbox]):not([type=radio]):not([type=button]):not([type=submit]), textarea, select, .select2-selection, [contenteditable=""], [contenteditable=true]';
  const rows = () => [...document.querySelectorAll('#result_list tbody tr')];
  const help = () => document.querySelector('[data-keys]');

  const move = (step) => {
    const all = rows();
    const here = all.indexOf(document.activeElement.closest('#result_list tbody tr'));
    const first = step > 0 ? 0 : all.length - 1;
    const there = all[here < 0 ? first : Math.min(Math.max(here + step, 0), all.length - 1)];
    if (there) {
      there.tabIndex = -1;
      there.focus();
      there.scrollIntoView({block: 'nearest'});
    }
    return Boolean(there);
  };

  const current = () => document.activeElement.closest('#result_list tbody tr');

  /* Whether there was something to click. */
  const click = (element) => {
    element?.click();
    return Boolean(element);
  };

  /* Each says whether it did something. */
  const keys = {
    '/': () => {
      const search = document.getElementById('searchbar') || document.querySelector('[data-find]');
      if (search) {
        search.focus();
        search.select();
      }
      return Boolean(search);
    },
    n: () => click(document.querySelector('a[data-add]')),
    j: () => move(1),
    k: () => move(-1),
    x: () => click(current()?.querySelector('input.action-select')),
    Enter: () => {
      const row = document.activeElement === current() ? current() : null;
      return click(row?.querySelector('th a[href], td a[href]'));
    },
    '?': () => {
      if (help() && !help().open) {
        help().showModal();
      }
      return Boolean(help());
    },
  };

  /* What asks nothing before it does something is not for one key, and an address may have it pressed. */
  const pressOn = (key) => {
    const what = [...document.querySelectorAll('[data-key]')].find((one) => one.dataset.key === key);
    const asks = what && (what.matches('a[href]') || what.dataset.confirm);
    return click(asks ? what : null);
  };

  const openRow = (key) => {
    const letters = document.querySelector('[data-row-keys]')?.dataset.rowKeys || '';
    const row = letters.includes(key) && (current() || rows()[0]);
    const link = row && row.querySelector('th a[href], td a[href]');
    if (link) {
      window.location.assign(`${link.href}#key-${key}`);
    }
    return Boolean(link);
  };

  window.addEventListener('load', () => {
    const [, key] = window.location.hash.match(/^#key-([a-z])$/) || [];
    if (key) {
      window.history.replaceState(window.history.state, '', window.location.pathname + window.location.search);
      pressOn(key);
    }
  });

  const NAME = 'keys';
  const areOn = () => window.withStorage((storage) => storage.getItem(NAME)) !== 'off';
  const box = document.querySelector('[data-keys-on]');
  if (box) {
    box.checked = areOn();
    box.addEventListener('change', () => {
      window.withStorage((storage) => storage.setItem(NAME, box.checked ? 'on' : 'off'));
      box.checked = areOn(); // also where the browser keeps nothing
    });
  }
  document.addEventListener('click', (event) => {
    if (event.target.closest('[data-keys-button]')) {
      keys['?']();
    }
  });

  document.addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || event.defaultPrevented) {
      return;
    }
    if (event.target.closest(TYPING) || document.querySelector('dialog[open]')) {
      return;
    }
    const press = Object.hasOwn(keys, event.key) ? keys[event.key] : () => pressOn(event.key) || openRow(event.key);
    if (areOn() && press()) {
      event.preventDefault();
    }
  });
}
