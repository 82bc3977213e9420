"use strict";
const NUMBER = /^[-+]?[\d,]*\.?\d+(e[-+]?\d+)?/i; // a cell is sorted by the number that it begins with
for (const table of document.querySelectorAll("table.sortable")) {
  const heads = [...table.tHead.rows[0].cells];
  const body = table.tBodies[0];
  heads.forEach((head, column) => {
    if (head.tagName !== "TH" || !head.textContent.trim()) return;
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const down = head.getAttribute("aria-sort") === "ascending";
      heads.forEach((other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      const keyed = [...body.rows].map((row) => {
        const text = row.cells[column].textContent.trim();
        const found = NUMBER.exec(text);
        return { row, text, number: found ? Number(found[0].replaceAll(",", "")) : NaN };
      });
      const numeric = keyed.every((one) => !one.text || !Number.isNaN(one.number));
      keyed.sort((a, b) => {
        if (!a.text || !b.text) return Number(!a.text) - Number(!b.text);
        const order = (numeric && a.number - b.number) || a.text.localeCompare(b.text, "en", { numeric: true });
        return down ? -order : order;
      });
      body.append(...keyed.map((one) => one.row));
    });
  });
}
const open = () => {
  const target = location.hash && document.getElementById(location.hash.slice(1));
  if (target instanceof HTMLDetailsElement) {
    target.open = true;
    target.querySelector("summary").focus();
  }
};
addEventListener("hashchange", open);
addEventListener("beforeprint", () => document.querySelectorAll("details").forEach((one) => { one.open = true; }));
open();
