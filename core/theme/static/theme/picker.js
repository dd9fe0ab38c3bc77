/* The fields of a list's search form. A filter by one row of a large table: what is typed is asked for, and what is chosen is sent with
   the search form around it. Enter takes the first that is offered. */
'use strict';
document.querySelectorAll('input[data-picker]').forEach((input) => {
  const WAIT = 200;
  const box = input.parentElement;
  const list = box.querySelector('datalist');
  const hidden = box.querySelector('input[type=hidden]');
  const shown = input.value;
  let offered = new Map();
  let timer = 0;
  let asked = '';

  const offer = (results) => {
    offered = new Map(results.map((one) => [one.text, one.id]));
    list.replaceChildren(...results.map((one) => new Option('', one.text)));
  };

  const ask = async () => {
    const term = input.value.trim();
    asked = term;
    const url = new URL(input.dataset.picker, window.location.href);
    url.searchParams.set('term', term);
    const answer = await fetch(url, {headers: {Accept: 'application/json'}});
    if (answer.ok && !answer.redirected) {
      const found = await answer.json();
      if (asked === term) {
        offer(found.results);
      }
    }
  };

  const take = (id) => {
    hidden.value = id;
    input.form.requestSubmit();
  };

  input.addEventListener('focus', ask, {once: true});
  input.addEventListener('input', () => {
    window.clearTimeout(timer);
    if (offered.has(input.value)) {
      take(offered.get(input.value));
    } else {
      timer = window.setTimeout(ask, WAIT);
    }
  });
  input.addEventListener('change', () => {
    if (!input.value.trim() && hidden.value) {
      take('');
    }
  });
  input.addEventListener('keydown', async (event) => {
    if (event.key !== 'Enter' || input.value === shown || !input.value.trim()) {
      return;
    }
    event.preventDefault();
    window.clearTimeout(timer);
    await ask();
    const [first] = offered.values();
    if (first !== undefined) {
      take(first);
    }
  });
});

/* A day that is typed takes the place of a word such as today's. */
document.querySelectorAll('input[data-instead]').forEach((input) => {
  input.addEventListener('input', () => {
    input.form.querySelector(`input[type=hidden][name=${input.dataset.instead}]`)?.remove();
    input.name = input.dataset.instead;
  });
});
