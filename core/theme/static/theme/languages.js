// The address after # names a place in the page: a change of language keeps it.
document.addEventListener('submit', (event) => {
  if (event.target.matches('.office-languages')) {
    event.target.elements.next.value += window.location.hash;
  }
});
