"use strict";
const form = document.querySelector("form");
const fixes = [...document.querySelectorAll("article")];
const files = [...document.querySelectorAll("section.file")];
const shown = document.querySelector("#shown");

function filter() {
  const wanted = Object.fromEntries(new FormData(form));
  const words = wanted.words.toLowerCase();
  for (const fix of fixes) {
    fix.hidden =
      (wanted.rule !== "" && fix.dataset.rule !== wanted.rule) ||
      (wanted.verdict !== "" && fix.dataset.verdict !== wanted.verdict) ||
      (words !== "" && !fix.dataset.words.toLowerCase().includes(words));
  }
  for (const file of files) {
    file.hidden = !file.querySelector("article:not([hidden])");
  }
  const count = fixes.filter((fix) => !fix.hidden).length;
  shown.textContent = `${count} of ${fixes.length} shown`;
}

form.addEventListener("input", filter);
form.addEventListener("submit", (event) => event.preventDefault());
form.hidden = false;
filter();
