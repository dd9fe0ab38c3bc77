/* On paper everything is open: what is closed inside a page is opened while it is printed. */
'use strict';
{
  const closed = [];
  window.addEventListener('beforeprint', () => {
    closed.push(...document.querySelectorAll('main details:not([open])'));
    closed.forEach((details) => {
      details.open = true;
    });
  });
  window.addEventListener('afterprint', () => {
    closed.splice(0).forEach((details) => {
      details.open = false;
    });
  });
}
