/* What a long list adds up to, when somebody asks. */
'use strict';
document.addEventListener('click', async (event) => {
  const link = event.target.closest('a[data-sums]');
  if (!link) {
    return;
  }
  event.preventDefault();
  link.setAttribute('aria-busy', 'true');
  const answer = await fetch(link.href, {headers: {Accept: 'application/json'}});
  if (answer.ok && !answer.redirected) {
    link.replaceWith((await answer.json()).text);
  } else {
    link.removeAttribute('aria-busy');
  }
});
