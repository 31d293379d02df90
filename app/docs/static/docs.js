// The search over operations, pages and problems: all words must be there, those in titles count most.
const input = document.getElementById("search");
const found = document.getElementById("found");
const MAX_SHOWN = 12;
let entries;
let selected = -1;

async function loaded() {
  entries ??= await fetch(input.dataset.index).then((answer) => answer.json());
  return entries;
}

function score(entry, words) {
  const title = entry.title.toLowerCase();
  const text = entry.text.toLowerCase();
  let total = 0;
  for (const word of words) {
    if (title.includes(word)) total += 3;
    else if (text.includes(word)) total += 1;
    else return 0;
  }
  return total - title.length / 1000;
}

async function search() {
  const all = await loaded();
  // What is there now: more may have been typed meanwhile.
  const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
  const best = all
    .map((entry) => ({ entry, score: score(entry, words) }))
    .filter((each) => words.length && each.score > 0)
    .sort((one, other) => other.score - one.score)
    .slice(0, MAX_SHOWN);
  found.replaceChildren(...best.map(({ entry }) => shown(entry)));
  if (words.length && !best.length) found.replaceChildren(nothing());
  found.hidden = !words.length;
  input.setAttribute("aria-expanded", String(!found.hidden));
  select(best.length ? 0 : -1);
}

function shown(entry) {
  const item = document.createElement("li");
  item.setAttribute("role", "option");
  const link = document.createElement("a");
  link.href = entry.url;
  link.tabIndex = -1;
  link.textContent = entry.title;
  const text = document.createElement("small");
  text.textContent = entry.text.slice(0, 110);
  link.append(text);
  item.append(link);
  return item;
}

function nothing() {
  const item = document.createElement("li");
  item.textContent = "Nothing has all of these words.";
  return item;
}

function select(position) {
  const options = [...found.querySelectorAll("[role=option]")];
  selected = options.length ? (position + options.length) % options.length : -1;
  options.forEach((option, index) => option.setAttribute("aria-selected", String(index === selected)));
  options[selected]?.scrollIntoView({ block: "nearest" });
}

input.addEventListener("input", search);
input.addEventListener("keydown", (event) => {
  if (event.key === "ArrowDown") select(selected + 1);
  else if (event.key === "ArrowUp") select(selected - 1);
  else if (event.key === "Escape") { input.value = ""; search(); }
  else return;
  event.preventDefault();
});
input.form.addEventListener("submit", (event) => {
  event.preventDefault();
  found.querySelector("[aria-selected=true] a")?.click();
});
document.addEventListener("keydown", (event) => {
  if (event.key === "/" && !/^(INPUT|TEXTAREA)$/.test(document.activeElement.tagName)) {
    event.preventDefault();
    input.focus();
  }
});
const asked = new URLSearchParams(location.search).get("q");
if (asked) { input.value = asked; search(); }
