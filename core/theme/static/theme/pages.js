/* What all pages have, the desk's and the customers': menus that close, and addresses without empty fields. */
'use strict';
{
  const OPEN = 'details[data-closes][open]';
  document.addEventListener('click', (event) => {
    document.querySelectorAll(OPEN).forEach((details) => {
      details.open = details.contains(event.target);
    });
  });
  document.addEventListener('keydown', (event) => {
    const details = event.key === 'Escape' && document.querySelector(OPEN);
    if (details) {
      details.open = false;
      details.querySelector('summary').focus();
    }
  });

  document.addEventListener('formdata', (event) => {
    if (event.target.matches('form[role=search]')) {
      [...event.formData.entries()].forEach(([name, value]) => value || event.formData.delete(name));
    }
  });
}
