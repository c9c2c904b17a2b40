// The little that pages need beyond HTMX: closing the sheet, letting toasts go, focus that follows.
const sheet = () => document.getElementById("sheet");
let opener = null;

function closeSheet() {
  sheet().replaceChildren();
  document.documentElement.classList.remove("sheet-open");
  if (opener?.isConnected) opener.focus();
  opener = null;
}

document.addEventListener("click", (event) => {
  const closer = event.target.closest("[data-close-sheet]");
  const outside = event.target.classList?.contains("sheet");
  if ((closer || outside) && sheet().contains(event.target)) {
    event.preventDefault();
    closeSheet();
  }
});

document.addEventListener("keydown", (event) => {
  const panel = sheet().querySelector(".panel");
  if (!panel) return;
  if (event.key === "Escape") closeSheet();
  if (event.key === "Tab") keepFocus(event, panel);
});

function keepFocus(event, panel) {
  const inside = [...panel.querySelectorAll("a[href], button:not([disabled]), input:not([type=hidden])")];
  const edge = event.shiftKey ? inside[0] : inside.at(-1);
  if (document.activeElement === edge) {
    event.preventDefault();
    (event.shiftKey ? inside.at(-1) : inside[0]).focus();
  }
}

document.addEventListener("htmx:before:request", () => {
  if (!sheet().firstElementChild) opener = document.activeElement;
});

document.addEventListener("htmx:after:swap", () => {
  const panel = sheet().querySelector(".panel");
  document.documentElement.classList.toggle("sheet-open", Boolean(panel));
  if (panel && !panel.contains(document.activeElement)) panel.focus();
});

// No answer came at all: say so, and leave the form as it is. Its key makes sending it again safe.
document.addEventListener("htmx:error", (event) => {
  if (event.detail?.ctx?.status !== "swapped") toast(document.getElementById("toasts").dataset.failed);
});

function toast(text) {
  const note = document.createElement("div");
  note.className = "toast";
  note.textContent = text;
  document.getElementById("toasts").replaceChildren(note);
  setTimeout(() => note.remove(), 6000);
}
