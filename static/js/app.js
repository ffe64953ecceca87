// htmx: the token in every request, refusals beside their cause, focus kept; and toasts.

const token = document.querySelector('meta[name="csrf-token"]')?.content ?? "";

document.addEventListener("htmx:configRequest", (event) => {
  event.detail.headers["X-CSRFToken"] = token;
});

document.addEventListener("htmx:beforeSwap", (event) => {
  const { xhr, elt } = event.detail;
  if (xhr.status < 400) return;
  const isRefusal = xhr.responseText.includes("data-refusal");
  event.detail.shouldSwap = !isRefusal && (xhr.status === 422 || xhr.status === 409);
  event.detail.isError = false;
  if (!event.detail.shouldSwap) showRefusal(elt, isRefusal ? xhr.responseText : null);
});

document.addEventListener("htmx:sendError", (event) => showRefusal(event.detail.elt, null));

function showRefusal(element, html) {
  const place = element.closest("[data-refusals]") ?? document.getElementById("notice");
  if (!place) return;
  if (html) place.innerHTML = html;
  else place.replaceChildren(document.getElementById("no-answer").content.cloneNode(true));
  focusFirst(place);
}

function focusFirst(root) {
  root.querySelector("[data-focus]")?.focus();
}

document.addEventListener("htmx:afterSettle", (event) => {
  prepareToasts();
  if (!event.target.contains(document.activeElement)) focusFirst(event.target);
});

// A toast stays 8 s, longer while it is hovered or holds the focus.
const STAY_MS = 8000;

function prepareToasts() {
  for (const toast of document.querySelectorAll("[data-toast]:not([data-ready])")) {
    toast.dataset.ready = "";
    const close = toast.querySelector("[data-dismiss]");
    close.hidden = false;
    close.addEventListener("click", () => toast.remove());
    let timer = setTimeout(() => toast.remove(), STAY_MS);
    const hold = () => clearTimeout(timer);
    const release = () => {
      clearTimeout(timer);
      timer = setTimeout(() => toast.remove(), STAY_MS);
    };
    for (const name of ["mouseenter", "focusin"]) toast.addEventListener(name, hold);
    for (const name of ["mouseleave", "focusout"]) toast.addEventListener(name, release);
  }
}

prepareToasts();
focusFirst(document);
