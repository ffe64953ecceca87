// Scanning serials: a scanner ends each code with Enter, which adds a line; with the last one the cursor goes on.

const RANGES = /["~+-]/;

document.addEventListener("keydown", (event) => {
  const field = event.target;
  if (event.key !== "Enter" || !field.matches("textarea[data-serials]")) return;
  const tokens = field.value.split(/[\s,]+/).filter(Boolean);
  const wanted = Number(document.getElementById(field.dataset.serials)?.value) || 0;
  if (tokens.length < wanted || tokens.some((token) => RANGES.test(token))) return;
  const fields = [...field.form.querySelectorAll("textarea[data-serials], input[name=carrier]")];
  const next = fields[fields.indexOf(field) + 1];
  if (!next) return;
  event.preventDefault();
  next.focus();
});
