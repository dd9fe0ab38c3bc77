/* A part of a page that is each user's own, and therefore none of the feed's: OwnPart(page, address, show)
   returns a function that asks for it again where the feed says something else is being done than
   `page` was drawn with, and says whether it did. show(text) is called with the newest answer only;
   where none came it is asked again. */
"use strict";
window.OwnPart = (page, address, show) => {
  const RETRY_MS = 5000;
  let drawn = page.dataset.doing;
  let asked = 0;

  const ask = async () => {
    asked += 1;
    const mine = asked;
    let text;
    try {
      const answer = await fetch(address);
      if (answer.status >= 500) {
        throw new Error("no answer: " + answer.status);
      }
      if (!answer.ok || answer.redirected) {
        return; /* no longer this user's to see, as the sign of the feed says */
      }
      text = await answer.text();
    } catch {
      window.setTimeout(() => mine === asked && ask(), RETRY_MS);
      return;
    }
    if (mine === asked) {
      show(text);
    }
  };
  return (doing) => {
    const isNew = doing !== drawn;
    drawn = doing;
    if (isNew) {
      ask();
    }
    return isNew;
  };
};
