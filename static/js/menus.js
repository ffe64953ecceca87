// <details data-menu>: one is open at a time, Escape and a click elsewhere close it and give focus back.

const OPEN = "details[data-menu][open]";

function close(menu) {
  const hadFocus = menu.contains(document.activeElement);
  menu.open = false;
  if (hadFocus) menu.querySelector("summary").focus();
}

document.addEventListener("click", (event) => {
  for (const menu of document.querySelectorAll(OPEN)) {
    if (!menu.contains(event.target)) menu.open = false;
  }
});

document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  const open = document.querySelectorAll(OPEN);
  if (open.length) close(open[open.length - 1]);
  else if (["#menu", "#filters", "#search"].includes(location.hash)) location.hash = "#content";
});

// The phone's sheets are reached by address; focus goes in with them.
function enterSheet() {
  const sheet = location.hash.length > 1 && document.getElementById(location.hash.slice(1));
  if (sheet && ["menu", "filters", "search"].includes(sheet.id)) {
    sheet.querySelector("input:not([type=hidden]), a.st-side-close, a")?.focus();
  }
}
window.addEventListener("hashchange", enterSheet);
enterSheet();
