/* Light or dark as the system is, or as somebody chose, and the menu as it was left; kept in the
   browser. In the head of each page, so that none is drawn twice. */
'use strict';
{
  const NAME = 'appearance';
  const kept = (name) => window.withStorage((storage) => storage.getItem(name));
  const chosen = () => kept(NAME) || 'system';
  const apply = (choice) => {
    document.documentElement.dataset.theme = choice;
    document.querySelectorAll('[data-appearance]').forEach((button) => {
      button.setAttribute('aria-pressed', String(button.dataset.appearance === choice));
    });
  };

  document.documentElement.dataset.menu = kept('menu') || '';
  apply(chosen());
  document.addEventListener('DOMContentLoaded', () => apply(chosen()));
  window.addEventListener('storage', (event) => event.key === NAME && apply(chosen()));
  document.addEventListener('click', (event) => {
    const button = event.target.closest('[data-appearance]');
    if (button) {
      apply(button.dataset.appearance);
      window.withStorage((storage) => storage.setItem(NAME, button.dataset.appearance));
    }
  });
}
