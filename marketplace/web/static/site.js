// The little that pages need beyond HTMX: the sheet and its place in the history, presses that were taken, toasts, focus.
const sheet = () => document.getElementById("sheet");
let opener = null;

function closeSheet() {
  // The sheet has an entry in the history, so that Back closes it. What else closes it goes back that one step.
  if (history.state?.sheet) history.back();
  else emptySheet();
}

function emptySheet() {
  sheet().replaceChildren();
  document.documentElement.classList.remove("sheet-open");
  if (opener?.isConnected) opener.focus();
  opener = null;
}

window.addEventListener("popstate", (event) => {
  if (!event.state?.sheet && sheet().firstElementChild) emptySheet();
});

window.addEventListener("pageshow", () => {
  for (const button of document.querySelectorAll(".button[aria-busy]")) button.removeAttribute("aria-busy");
  // The entry of a sheet that is no longer there: the page itself is one step back.
  if (history.state?.sheet && !sheet().firstElementChild) history.back();
});

document.addEventListener("submit", (event) => {
  const button = event.submitter;
  if (event.defaultPrevented || !button?.classList.contains("button")) return;
  button.setAttribute("aria-busy", "true");
  setTimeout(() => button.removeAttribute("aria-busy"), 10000);
});

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

document.addEventListener("htmx:before:request", (event) => {
  // Read now: the pager that asks is gone when its answer has come.
  const ctx = event.detail?.ctx;
  if (ctx) ctx.pages = ctx.sourceElement?.dataset?.pages;
  if (!sheet().firstElementChild) opener = document.activeElement;
});

document.addEventListener("htmx:after:swap", (event) => {
  const panel = sheet().querySelector(".panel");
  document.documentElement.classList.toggle("sheet-open", Boolean(panel));
  if (panel && !history.state?.sheet) history.pushState({ sheet: true }, "");
  if (panel && !panel.contains(document.activeElement)) panel.focus();
  const pages = event.detail?.ctx?.pages;
  if (pages) keepPages(pages);
});

function keepPages(pages) {
  const here = new URL(location.href);
  here.searchParams.delete("cursor");
  here.searchParams.set("pages", pages);
  history.replaceState(history.state, "", here);
}

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
