// Keys: / search, ? the list of keys, g + letter to go, j and k to move in lists. Single letters can be
// switched off (WCAG 2.1.4) and never act while a field has the focus.

const STORE = "single-letters";
const help = document.getElementById("keys");
let waitsForPlace = false;
let opener = null;

function lettersOn() {
  try {
    return localStorage.getItem(STORE) !== "off";
  } catch {
    return true;
  }
}

function typesIntoField(event) {
  return event.target.closest?.("input, textarea, select, [contenteditable]");
}

function showHelp(show) {
  if (!help) return;
  if (show) opener = document.activeElement;
  help.hidden = !show;
  if (show) help.focus();
  else opener?.focus?.();
}

function move(step) {
  const rows = [...document.querySelectorAll("tbody tr a[href], .st-work-row a[href]")].filter(
    (link, index, all) => index === 0 || link.closest("tr, li") !== all[index - 1].closest("tr, li"),
  );
  if (!rows.length) return;
  const here = rows.findIndex((link) => link.closest("tr, li").contains(document.activeElement));
  rows[Math.max(0, Math.min(rows.length - 1, here + step))].focus();
}

function go(letter) {
  const link = document.querySelector(`.st-side [data-key="${letter}"]`);
  if (link) location.href = link.href;
}

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && help && !help.hidden) return showHelp(false);
  if (event.ctrlKey || event.metaKey || event.altKey || typesIntoField(event) || !lettersOn()) return;
  if (waitsForPlace) {
    waitsForPlace = false;
    return go(event.key);
  }
  if (event.key === "/") {
    const search = document.querySelector("[data-search]");
    if (!search) return;
    event.preventDefault();
    if (!search.offsetParent) location.hash = "#search";
    search.focus();
    search.select();
  } else if (event.key === "?") showHelp(help?.hidden);
  else if (event.key === "g") {
    waitsForPlace = true;
    setTimeout(() => (waitsForPlace = false), 1500);
  } else if (event.key === "j") move(1);
  else if (event.key === "k") move(-1);
});

if (help) {
  help.querySelector("[data-keys-close]").addEventListener("click", () => showHelp(false));
  const off = help.querySelector("[data-keys-off]");
  off.checked = !lettersOn();
  off.addEventListener("change", () => {
    try {
      localStorage.setItem(STORE, off.checked ? "off" : "on");
    } catch {
      off.checked = false;
    }
  });
  for (const button of document.querySelectorAll("[data-keys-open]")) {
    button.hidden = false;
    button.addEventListener("click", () => showHelp(true));
  }
}
