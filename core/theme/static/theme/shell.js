/* The menu beside a page: folded to its icons where there is room for it, over the page where there is
   none. */
'use strict';
{
  const NAME = 'menu';
  const root = document.documentElement;
  const button = document.querySelector('[data-menu-button]');
  const menu = document.getElementById('office-menu');
  const narrow = window.matchMedia('(max-width: 900px)');

  /* `shown` is kept where the menu is beside the page; over it, it is closed on the next one. */
  const show = (shown) => {
    root.dataset.menu = shown ? 'open' : 'folded';
    button.setAttribute('aria-expanded', String(shown));
  };
  const begin = () => {
    const kept = window.withStorage((storage) => storage.getItem(NAME));
    show(!narrow.matches && kept !== 'folded');
  };

  if (button && menu) {
    begin();
    narrow.addEventListener('change', begin);
    button.addEventListener('click', () => {
      show(root.dataset.menu === 'folded');
      if (!narrow.matches) {
        window.withStorage((storage) => storage.setItem(NAME, root.dataset.menu));
      } else if (root.dataset.menu === 'open') {
        menu.querySelector('[aria-current], a').focus();
      }
    });
    document.addEventListener('click', (event) => {
      if (narrow.matches && !event.target.closest('#office-menu, [data-menu-button]')) {
        show(false);
      }
    });
    menu.querySelector('[aria-current]')?.scrollIntoView({block: 'nearest'});
  }

  document.addEventListener('keydown', (event) => {
    if (event.key === 'Escape' && button && narrow.matches && root.dataset.menu === 'open') {
      show(false);
      button.focus();
    }
  });
}
