// Without a script the page is complete, only its order is fixed: the script makes the buttons of
// the headers and shows the filters.
'use strict';

// What a cell sorts by: a number, a text, or null where there is no value.
function cellKey(cell) {
  if ('value' in cell.dataset) return Number(cell.dataset.value);
  const text = cell.textContent.trim();
  return text === '' || text === '\u2013' ? null : text;
}

// Numbers come before texts; 'image 2' before 'image 10'.
function compareKeys(a, b) {
  if (typeof a !== typeof b) return typeof a === 'number' ? -1 : 1;
  return typeof a === 'number' ? a - b : a.localeCompare(b, 'en', {numeric: true});
}

// Sort ascending, descending, or as the page was written; no value is last both ways.
function sortRows(rows, column, direction) {
  if (direction === 'none') return rows;
  const sign = direction === 'ascending' ? 1 : -1;
  const keyed = rows.map((row) => [cellKey(row.cells[column]), row]);
  const known = keyed.filter(([key]) => key !== null);
  known.sort(([a], [b]) => sign * compareKeys(a, b));
  return [...known, ...keyed.filter(([key]) => key === null)].map(([, row]) => row);
}

function makeSortable(table) {
  const headers = [...table.tHead.rows[0].cells];
  const body = table.tBodies[0];
  const rows = [...body.rows];
  if (rows.length < 2) return;
  const following = {none: 'ascending', ascending: 'descending', descending: 'none'};
  headers.forEach((header, column) => {
    const button = document.createElement('button');
    button.type = 'button';
    button.title = 'Sort by this column';
    button.append(...header.childNodes);
    header.append(button);
    button.addEventListener('click', () => {
      const direction = following[header.getAttribute('aria-sort') ?? 'none'];
      headers.forEach((other) => other.removeAttribute('aria-sort'));
      if (direction !== 'none') header.setAttribute('aria-sort', direction);
      body.append(...sortRows(rows, column, direction));
    });
  });
}

function makeFilterable(gallery) {
  const rows = [...gallery.querySelectorAll('.row')];
  const control = (name) => gallery.querySelector(`.filters [name=${name}]`);
  const [name, least, most, size] = ['class', 'least', 'most', 'size'].map(control);
  // A bound that is missing or empty is none.
  const bound = (input, open) => (input?.value ? Number(input.value) : open);
  const matches = ({dataset}) => {
    if (name?.value && !JSON.parse(dataset.classes).includes(name.value)) return false;
    const [low, high] = [bound(least, -Infinity), bound(most, Infinity)];
    if (!('agreement' in dataset)) return low <= 0 && high >= 100;
    return low <= Number(dataset.agreement) && Number(dataset.agreement) <= high;
  };
  const show = () => {
    rows.forEach((row) => { row.hidden = !matches(row); });
    const number = rows.filter((row) => !row.hidden).length;
    gallery.querySelector('output').textContent = `${number} of ${rows.length} images`;
    gallery.style.setProperty('--height', `${size.value}rem`);
  };
  gallery.querySelector('.filters').hidden = false;
  gallery.addEventListener('input', show);
  show();
}

document.querySelectorAll('table').forEach(makeSortable);
document.querySelectorAll('.rows').forEach(makeFilterable);
