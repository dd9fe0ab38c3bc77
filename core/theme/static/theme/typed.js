/* A change of language keeps the place in the page and what is typed into its forms: in this tab, for the one page that
   comes. So does a form that is sent, in case the session has ended or the office is busy: it comes back after the login,
   or by the way back, to who typed it. Never a password, a code, a file or a site's recipe, which may quote one; where
   more than a password would be lost, a change of language asks. */
'use strict';
{
  const NAME = 'typed';
  const FORMS = 'form[method=post]:not(.office-languages, #changelist-form, [data-talk-form])';
  const LOST = '.desk-recipe *, [type=file]';
  const UNKEPT = `${LOST}, [type=password], [autocomplete=one-time-code], [name=csrfmiddlewaretoken], [readonly], [type=submit], [type=button]`;
  const FIELDS = `:is(input, select, textarea)[name]:not(${UNKEPT})`;
  const BOX = '[type=checkbox], [type=radio]';

  const fieldsOf = (form) => [...form.elements].filter((field) => field.matches(FIELDS));

  /* A form's name among those of its page, which has the same ones in each language. */
  const formsOf = () => {
    const forms = new Map();
    document.querySelectorAll(FORMS).forEach((form) => {
      const name = `${form.getAttribute('id')} ${form.getAttribute('action')}`;
      let place = 0;
      while (forms.has(`${name} ${place}`)) {
        place += 1;
      }
      forms.set(`${name} ${place}`, form);
    });
    return forms;
  };

  /* Django moves what is chosen from one list into another. */
  const chosen = (select) => [...(select.id.endsWith('_to') ? select.options : select.selectedOptions)];

  const chosenAtFirst = (select) => {
    const options = [...select.options];
    const marked = options.filter((option) => option.defaultSelected);
    return marked.length || select.multiple ? marked : options.slice(0, 1);
  };

  const isTyped = (field) => {
    if (field.matches('select')) {
      const [now, before] = [chosen(field), chosenAtFirst(field)].map((options) => options.map((option) => option.value));
      return now.join('\n') !== before.join('\n');
    }
    return field.matches(BOX) ? field.checked !== field.defaultChecked : field.value !== field.defaultValue;
  };

  const keptOf = (field) => ({
    name: field.name,
    value: field.value,
    checked: field.checked,
    options: field.matches('select') && chosen(field).map((option) => [option.value, option.text]),
  });

  const choose = (select, options) => {
    const offered = new Set([...select.options].map((option) => option.value));
    const missing = options.filter(([value]) => !offered.has(value));
    if (select.matches('.admin-autocomplete')) { /* it has only what was chosen */
      missing.forEach(([value, text]) => select.add(new Option(text, value)));
    } else if (missing.length) {
      return;
    }
    const values = new Set(options.map(([value]) => value));
    [...select.options].forEach((option) => {
      option.selected = values.has(option.value);
    });
  };

  const putBack = (form, kept) => {
    const fields = fieldsOf(form);
    kept.forEach(({ name, value, checked, options }) => {
      const place = fields.findIndex((field) => field.name === name && (!field.matches(BOX) || field.value === value));
      if (place < 0) {
        return;
      }
      const [field] = fields.splice(place, 1);
      if (options && field.matches('select')) {
        choose(field, options);
      } else if (field.matches(BOX)) {
        field.checked = checked;
      } else {
        field.value = value;
      }
      const folded = field.type !== 'hidden' && isTyped(field) && field.closest('details');
      if (folded) {
        folded.open = true;
      }
    });
  };

  const store = (kept) => window.withStorage((storage) => {
    storage.setItem(NAME, JSON.stringify(kept));
    return true;
  }, 'sessionStorage');

  /* Whether all of it is kept. `terms`: see mayComeBack(). */
  const keep = (page, terms) => {
    const wasAnswered = document.querySelector('.office-languages[data-answered]');
    const forms = [...formsOf()]
      .filter(([, form]) => wasAnswered || fieldsOf(form).some(isTyped))
      .map(([name, form]) => [name, fieldsOf(form).map(keptOf)]);
    return !forms.length || store({ page, forms, ...terms });
  };

  const here = () => window.location.href.replace(/#.*/, '');
  const isLogin = () => document.querySelector('form:has([type=password]) [name=next]');
  const who = () => document.querySelector('.office-user, .menu__name')?.title;

  document.addEventListener('submit', (event) => {
    if (event.target.matches(FORMS) && !event.defaultPrevented && !isLogin()) {
      keep(here(), { sentBy: who() });
    }
  });

  /* Before forms count as sent: this one may not be. */
  document.addEventListener('submit', (event) => {
    const form = event.target;
    if (!form.matches('.office-languages')) {
      return;
    }
    const next = new URL(form.elements.next.value, window.location.href);
    const isKept = keep(next.href);
    const isLost = !isKept || [...document.querySelectorAll(LOST)].some((field) => field.name && isTyped(field));
    if (isLost && !window.confirm(form.dataset.lost)) {
      event.preventDefault();
      return;
    }
    form.elements.next.value += window.location.hash;
  }, true);

  /* Before the page's own scripts look at its fields. */
  const kept = window.withStorage((storage) => {
    const text = storage.getItem(NAME);
    storage.removeItem(NAME);
    return JSON.parse(text);
  }, 'sessionStorage');
  /* What was sent and answered by any other page of the office is done. */
  const isBack = () => window.performance.getEntriesByType('navigation')[0]?.type === 'back_forward';
  const mayComeBack = ({ page, sentBy, wasAsked }) => page === here() && (!sentBy || (sentBy === who() && (wasAsked || isBack())));
  if (kept?.sentBy && isLogin()) {
    store({ ...kept, wasAsked: true });
  } else if (kept && mayComeBack(kept)) {
    const forms = formsOf();
    kept.forms.filter(([name]) => forms.has(name)).forEach(([name, fields]) => putBack(forms.get(name), fields));
  }
}
