// What the pages in the tabs need on top of Django's own scripts.
(function () {
  'use strict';

  // A filter's options carry the addresses of its choices.
  document.querySelectorAll('select[data-filter]').forEach((select) => {
    select.addEventListener('change', () => {
      window.location.search = select.value;
    });
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

  // A link to another page of the desk opens in a tab of its own; links may come and go.
  document.addEventListener('click', (event) => {
    const link = event.target.closest('a[data-tab]');
    const desk = link && window.parent !== window && window.parent.app;
    if (desk && !event.ctrlKey && !event.metaKey) {
      event.preventDefault();
      desk.openTab({
        eid: link.getAttribute('href'),
        url: link.getAttribute('href'),
        name: link.dataset.tab,
        icon: 'far fa-file',
        breadcrumbs: [{name: link.dataset.tab, icon: 'far fa-file'}],
      });
    }
  });
})();
