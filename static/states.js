// Tells the script of a page with sample data what a server would tell it.
document.dispatchEvent(new CustomEvent('keyrack:EVENT', { detail: DETAIL }));
