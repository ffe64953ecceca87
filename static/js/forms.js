// Small comforts of forms. Each form works without them.

// One submit per form: the pressed button keeps its width and shows a ring after 300 ms.
const SLOW_MS = 300;

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (!form.matches("[data-once]")) return;
  if (form.dataset.sent) {
    event.preventDefault();
    return;
  }
  form.dataset.sent = "1";
  const button = event.submitter;
  setTimeout(() => button?.classList.add("is-busy"), SLOW_MS);
});

function release(form) {
  delete form.dataset.sent;
  for (const button of form.querySelectorAll(".is-busy")) button.classList.remove("is-busy");
}
window.addEventListener("pageshow", () => document.querySelectorAll("form[data-sent]").forEach(release));
document.addEventListener("htmx:afterRequest", (event) => {
  const form = event.target.closest("form[data-sent]");
  if (form) release(form);
});

// Filters apply by themselves on wide screens; on phones the sheet's own button does it.
const wide = window.matchMedia("(min-width: 768px)");
function prepare() {
  for (const form of document.querySelectorAll("form[data-autosubmit]")) {
    if (wide.matches) form.dataset.ready = "";
    else delete form.dataset.ready;
  }
}
prepare();
wide.addEventListener("change", prepare);
document.addEventListener("htmx:afterSettle", prepare);
document.addEventListener("change", (event) => {
  const form = event.target.closest("form[data-autosubmit]");
  if (form && wide.matches) form.requestSubmit();
});

// Quantity: the buttons step by the pack; what was typed is never changed, only answered by the server.
document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-stepper] button");
  if (!button) return;
  const box = button.closest("[data-stepper]");
  const input = box.querySelector("input");
  const step = Number(box.dataset.step) || 1;
  const least = Number(box.dataset.min) || 0;
  const most = box.dataset.max ? Number(box.dataset.max) : Infinity;
  const typed = /^\d{1,9}$/.test(input.value.trim()) ? Number(input.value) : 0;
  let next = button.hasAttribute("data-more")
    ? (Math.floor(typed / step) + 1) * step
    : (Math.ceil(typed / step) - 1) * step;
  if (next > 0 && next < least) next = button.hasAttribute("data-more") ? least : 0;
  next = Math.max(0, Math.min(next, most));
  if (String(next) === input.value) return;
  input.value = String(next);
  input.dispatchEvent(new Event("input", { bubbles: true }));
  input.dispatchEvent(new Event("change", { bubbles: true }));
});

document.addEventListener("input", (event) => {
  const row = event.target.closest(".st-qty");
  const button = row?.querySelector(".st-btn");
  if (button) button.classList.toggle("st-btn-set", /[1-9]/.test(event.target.value));
});
