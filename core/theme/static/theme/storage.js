/* What this browser keeps: withStorage(storage => ...) gives what that returns; null where the browser
   keeps nothing, as storage is switched off or full. In the head of each page, before what asks. */
'use strict';
window.withStorage = (work, kind = 'localStorage') => {
  try {
    return work(window[kind]);
  } catch (error) {
    if (!(error instanceof DOMException)) {
      throw error;
    }
    return null;
  }
};
