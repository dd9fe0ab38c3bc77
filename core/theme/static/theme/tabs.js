// Runs before simpleui's index.js, which reads the tabs it stored. Those that the menu still has get the
// menu's present names (the language may have changed); the others may be of another user: dropped.
(function () {
  'use strict';
  const stored = JSON.parse(sessionStorage.getItem('tabs') || '[]');
  const lines = new Map(window.menus.map((line) => [line.eid, line]));
  const tabs = stored
    .filter((tab) => lines.has(tab.eid))
    .map((tab) => Object.assign({}, tab, lines.get(tab.eid), {loading: false}));
  sessionStorage.setItem('tabs', JSON.stringify(tabs.length ? tabs : [window.home]));

  // On a phone the menu lies over the page: out of the way once something is chosen.
  document.addEventListener('click', (event) => {
    if (event.target.closest('.lite-menus .el-menu-item')) {
      window.app.drawer = false;
    }
  });
})();
