// Documents without a browser: the same in Node and in a function.
import * as cheerio from 'cheerio';
import { DOMParser, parseHTML } from 'linkedom';

const page = `<!doctype html><html><head><title>Shop</title></head><body>
  <ul id="list"><li class="item a">Tea &amp; cake</li><li class="item">Coffee</li></ul>
  <form action="/buy"><input name="q" value="1"><select name="s"><option selected>x</option></select></form></body></html>`;

export async function run() {
  const $ = cheerio.load(page);
  $('li.item').first().addClass('seen').attr('data-id', '7').append('<b>!</b>');
  const { document } = parseHTML(page);
  const item = document.createElement('li');
  item.textContent = 'Milk <3';
  document.querySelector('#list').append(item);
  document.querySelector('.a').classList.toggle('a');
  const svg = new DOMParser().parseFromString('<svg><circle r="1"/></svg>', 'image/svg+xml');
  return {
    cheerio: [
      $('title').text(),
      $('li')
        .map((_, element) => $(element).text())
        .get(),
      $('form').serialize(),
      $('#list').html(),
      $.extract({ items: ['li'], title: 'title' }),
    ],
    linkedom: [
      document.title,
      [...document.querySelectorAll('li')].map(({ textContent, className }) => [textContent, className]),
      document.querySelector('#list').outerHTML,
      svg.querySelector('circle').getAttribute('r'),
    ],
  };
}

export default {
  async fetch() {
    return Response.json(await run());
  },
};
