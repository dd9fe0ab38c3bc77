// What the pages of the desk need on top of Django's own scripts.
(function () {
  'use strict';

  // A filter's options carry the addresses of its choices.
  document.querySelectorAll('select[data-filter]').forEach((select) => {
    select.addEventListener('change', () => {
      window.location.search = select.value;
    });
  });

  // What the page of an export has in an attribute, where no script may stand.
  document.querySelectorAll('input.select-toggle').forEach((input) => {
    input.id = input.name; // its label is for that
    input.addEventListener('change', window.onSelectToggleChange);
  });

  // Empty fields make no address longer.
  document.querySelectorAll('#changelist-search').forEach((form) => {
    form.addEventListener('submit', () => {
      form.querySelectorAll('input').forEach((input) => {
        input.disabled = !input.value;
      });
    });
  });
  window.addEventListener('pageshow', () => {
    document.querySelectorAll('#changelist-search input').forEach((input) => {
      input.disabled = false;
    });
  });

  document.addEventListener('click', (event) => {
    const button = event.target.closest('[data-confirm]');
    if (button && !window.confirm(button.dataset.confirm)) {
      event.preventDefault();
    }
  });

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

  // Where something is to be typed next: the first field that was refused; or else the first that has
  // to be filled in, since a page that was opened for a customer has that one; or else the first.
  const TYPED = 'input:not([type=hidden]), select, textarea, .select2-selection';
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
      const free = [...fields].filter((field) => {
        const hidden = field.matches('.select2-hidden-accessible, :disabled, [readonly]');
        return !hidden && field.getClientRects().length;
      });
      const first = (!refused && free.find(isMissing)) || free[0];
      if (first) {
        first.focus();
      }
    }
  });
})();
