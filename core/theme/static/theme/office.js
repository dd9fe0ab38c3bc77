// What the pages of the desk need on top of Django's own scripts.
(function () {
  'use strict';

  // A filter's options carry the addresses of its choices.
  document.querySelectorAll('select[data-filter]').forEach((select) => {
    select.addEventListener('change', () => {
      window.location.search = select.value;
    });
  });

  // What import-export's own page of an export has in an attribute, where no script may stand.
  document.querySelector('input.select-toggle')?.addEventListener('change', window.onSelectToggleChange);

  // When the scripts of Django's fields are done, which jQuery may put off until after the load.
  const whenDrawn = (work) => {
    window.addEventListener('load', () => {
      const query = window.django && window.django.jQuery;
      if (query) {
        query(work);
      } else {
        work();
      }
    });
  };

  // Names that the scripts of Django's fields leave out.
  whenDrawn(() => {
    document.querySelectorAll('select.select2-hidden-accessible').forEach((select) => {
      const label = select.labels[0] && select.labels[0].textContent.trim().replace(/[:：]$/, '');
      const drawn = select.nextElementSibling;
      if (label && drawn && drawn.matches('.select2-container')) {
        drawn.querySelector('.select2-selection').removeAttribute('aria-labelledby');
        drawn.querySelectorAll('.select2-selection, [role=textbox]').forEach((part) => {
          part.setAttribute('aria-label', label);
        });
      }
    });
    document.querySelectorAll('.help-tooltip[aria-label]').forEach((sign) => {
      sign.setAttribute('role', 'img');
    });
  });

  // A picker opens by what is typed, as a list of the browser's own does.
  document.addEventListener('keydown', (event) => {
    const drawn = event.target.closest('.select2-selection');
    const types = event.key.length === 1 && event.key !== ' ';
    if (drawn && types && !event.ctrlKey && !event.metaKey && !event.altKey) {
      window.django.jQuery(drawn.closest('.select2-container').previousElementSibling).select2('open');
    }
  });

  const TYPED = 'input:not([type=hidden]), select, textarea, .select2-selection';
  const isTyped = (field) => {
    const hidden = field.matches('.select2-hidden-accessible, :disabled, [readonly]');
    return !hidden && field.getClientRects().length > 0;
  };

  // Tab takes what a picker offers for what was typed, as in any list of suggestions, and goes on to the next field. What it
  // offered for less than that is not taken.
  const words = (text) => text.toLowerCase().split(/\s+/).filter(Boolean);
  document.addEventListener('keydown', (event) => {
    const search = event.key === 'Tab' && !event.shiftKey && event.target.closest('.select2-search__field');
    const open = search && document.querySelector('form .select2-container--open');
    const offered = open && document.querySelector('.select2-results__option--highlighted[aria-selected]');
    const text = offered ? offered.textContent.toLowerCase() : '';
    if (!offered || !search.value.trim() || !words(search.value).every((word) => text.includes(word))) {
      return;
    }
    event.preventDefault();
    event.stopImmediatePropagation();
    window.django.jQuery(offered).trigger('mouseup');
    const fields = [...open.closest('form').querySelectorAll(TYPED)].filter(isTyped);
    (fields[fields.indexOf(open.querySelector('.select2-selection')) + 1] || open).focus();
  }, true);

  // Control and Enter send the form that is typed in, from a text of many lines too.
  document.addEventListener('keydown', (event) => {
    const sends = event.key === 'Enter' && (event.ctrlKey || event.metaKey) && !event.isComposing;
    const filled = sends && !event.defaultPrevented && event.target.closest('form');
    const button = filled && filled.querySelector('[name=_save], .submit-row [type=submit]');
    if (button && !document.querySelector('dialog[open]')) {
      event.preventDefault();
      filled.requestSubmit(button);
    }
  });

  // Where something is to be typed next: the first field that was refused; or else the first that has
  // to be filled in, since a page that was opened for a customer has that one; or else the first.
  const form = document.querySelector('form[data-first-field]');
  const isMissing = (field) => {
    const drawn = field.closest('.select2-container');
    const isNeeded = field.closest('.form-row')?.querySelector('label.required');
    return isNeeded && !(drawn ? drawn.previousElementSibling : field).value;
  };
  const isFree = () => document.activeElement === document.body && !window.location.hash;
  whenDrawn(() => {
    if (form && isFree()) {
      const refused = form.querySelector('.errors, [aria-invalid=true], .errorlist');
      const row = refused && (refused.closest('.form-row') || refused.parentElement);
      const fields = (row && row.querySelector(TYPED) ? row : form).querySelectorAll(TYPED);
      const free = [...fields].filter(isTyped);
      // A browser that is slow has not come to it yet, and would leave it where another has the focus.
      const asked = form.querySelector('[autofocus]');
      const first = asked || (!refused && free.find(isMissing)) || free[0];
      first?.focus();
    }
  });
})();
