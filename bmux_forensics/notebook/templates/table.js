// Makes tables sort, search and page. Without it they are there whole: nothing is loaded, nothing is sent.
(() => {
  "use strict";
  const words = (cell) => `${cell.textContent}\n${cell.title}`.toLowerCase();
  const key = (cell) => cell.dataset.order || cell.title || cell.textContent;
  const compare = (a, b) => {
    const x = Number(a), y = Number(b);
    if (a !== "" && b !== "" && !Number.isNaN(x) && !Number.isNaN(y)) return x - y;
    return a < b ? -1 : a > b ? 1 : 0;
  };
  const make = (tag, text, name) => {
    const element = document.createElement(tag);
    element.textContent = text;
    if (name) element.setAttribute("aria-label", name);
    return element;
  };

  function prepare(box) {
    const size = Number(box.dataset.page), name = box.dataset.name;
    const body = box.querySelector("tbody"), heads = [...box.querySelectorAll("th")];
    const all = [...body.rows];
    let found = all, at = 0;
    const bar = make("div", ""), count = make("span", "");
    bar.className = "bf-bar";
    count.setAttribute("role", "status");
    const back = make("button", "‹", `${name}: previous page`), on = make("button", "›", `${name}: next page`);
    back.type = on.type = "button";

    function show() {
      const last = size ? Math.max(0, Math.ceil(found.length / size) - 1) : 0;
      at = Math.min(Math.max(at, 0), last);
      const shown = size ? found.slice(at * size, (at + 1) * size) : found;
      body.replaceChildren(...shown);
      const of = found.length === all.length ? `${all.length}` : `${found.length} found, of ${all.length}`;
      count.textContent = shown.length ? `rows ${at * size + 1} to ${at * size + shown.length} of ${of}` : `no rows (${of})`;
      back.disabled = at === 0;
      on.disabled = at === last;
      back.hidden = on.hidden = last === 0;
    }

    if ("search" in box.dataset) {
      const input = make("input", "", `${name}: search`);
      input.type = "search";
      input.placeholder = "search";
      input.addEventListener("input", () => {
        const parts = input.value.toLowerCase().split(/\s+/).filter(Boolean);
        found = all.filter((row) => {
          const text = [...row.cells].map(words).join("\n");
          return parts.every((part) => text.includes(part));
        });
        at = 0;
        show();
      });
      bar.append(input);
    }
    heads.forEach((head, column) => {
      const button = make("button", head.textContent);
      button.type = "button";
      head.replaceChildren(button);
      button.addEventListener("click", () => {
        const way = head.getAttribute("aria-sort") === "ascending" ? "descending" : "ascending";
        heads.forEach((other) => other.removeAttribute("aria-sort"));
        head.setAttribute("aria-sort", way);
        const sign = way === "ascending" ? 1 : -1;
        const order = (a, b) => sign * compare(key(a.cells[column]), key(b.cells[column]));
        all.sort(order);
        found = [...found].sort(order);
        at = 0;
        show();
      });
    });
    back.addEventListener("click", () => { at -= 1; show(); });
    on.addEventListener("click", () => { at += 1; show(); });
    bar.append(back, on, count);
    box.prepend(bar);
    if (size) window.addEventListener("beforeprint", () => body.replaceChildren(...found));
    if (size) window.addEventListener("afterprint", show);
    show();
  }

  for (const box of document.querySelectorAll(".bf-table:not([data-ready])")) {
    box.setAttribute("data-ready", "");
    prepare(box);
  }
})();
