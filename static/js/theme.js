// Light, dark, or as the system says; kept in a cookie so that the server draws the next page right.

const YEAR_S = 31536000;
const root = document.documentElement;
const control = document.querySelector("[data-theme-switch]");

function current() {
  return root.dataset.bsTheme ?? "auto";
}

function show() {
  for (const button of control.querySelectorAll("[data-theme-value]")) {
    button.setAttribute("aria-pressed", String(button.dataset.themeValue === current()));
  }
}

function choose(theme) {
  if (theme === "auto") delete root.dataset.bsTheme;
  else root.dataset.bsTheme = theme;
  const age = theme === "auto" ? 0 : YEAR_S;
  document.cookie = `theme=${theme}; path=/; max-age=${age}; samesite=lax`;
  show();
}

if (control) {
  control.hidden = false;
  control.addEventListener("click", (event) => {
    const button = event.target.closest("[data-theme-value]");
    if (button) choose(button.dataset.themeValue);
  });
  show();
}
