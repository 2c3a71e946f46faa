/**
 * Opens every page of the built site in Chromium: links and their anchors, errors on the console, and whether text and code
 * can be read on a phone. Then searches. The output ends as scripts/report.mjs says.
 *
 *   npm run docs:pages                   after `npm run docs`
 *   npm run docs:pages -- --shots DIR    also writes pictures of some pages, for phone and desktop, light and dark
 */
import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { delimiter, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import puppeteer from 'puppeteer-core';
import { reportOf } from '../../scripts/report.mjs';
import { fileOf, serve } from './serve.mjs';

const PHONE = { width: 390, height: 844 };
const DESKTOP = { width: 1440, height: 900 };
const MIN_FONT_PX = 12;
const TABS = 3;
/** What a reader may look for, and the page that has to be among the first results. */
const SEARCHES = [
  ['maxSendQueue', 'options'],
  ['pre-shared keys', 'how-to/pre-shared-keys'],
  ['early data', 'how-to/early-data'],
  ['net-snmp', 'how-to/snmp'],
  ['certificate in one command', 'tutorial/chat'],
];
const SHOTS = [
  'index',
  'contents',
  'tutorial/chat',
  'how-to/sessions',
  'how-to/certificates',
  'options',
  'api/root/functions/connect',
  'api/root/index',
];

const dist = fileURLToPath(new URL('../dist', import.meta.url));
const results = [];
const chromium = findChromium();
if (chromium === undefined) skipAll('Chromium is not installed');
else if (!existsSync(dist)) fail('site/dist', 'it is not built: run `npm run docs`');
else await testAll();
report();

async function testAll() {
  const browser = await puppeteer.launch({
    executablePath: chromium,
    args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage'],
  });
  const server = await serve(dist);
  try {
    await testPages(browser, server.origin);
    await testSearch(browser, server.origin);
    const [, folder] = /--shots[ =](.+)$/.exec(process.argv.slice(2).join(' ')) ?? [];
    if (folder !== undefined) await shoot(browser, server.origin, folder);
  } finally {
    await browser.close();
    server.close();
  }
}

async function testPages(browser, origin) {
  const names = pageNames();
  const pages = new Map();
  const waiting = [...names];
  await Promise.all(
    Array.from({ length: TABS }, async () => {
      const tab = await openTab(browser, PHONE);
      for (let name = waiting.shift(); name !== undefined; name = waiting.shift())
        pages.set(name, await look(tab, origin, name));
    }),
  );
  for (const name of names) {
    const { errors, links, wide, small } = pages.get(name);
    const dead = links.filter((link) => !leads(link, pages));
    const problems = [
      ...errors.map((text) => `console: ${text}`),
      ...dead.map((link) => `dead link: ${link}`),
      ...wide.map((text) => `wider than ${PHONE.width} px: ${text}`),
      ...small.map((text) => `code smaller than ${MIN_FONT_PX} px: ${text}`),
    ];
    if (problems.length === 0) pass(`page ${name}`);
    else fail(`page ${name}`, problems.join('\n'));
  }
}

/** What one page shows on a phone. */
async function look(tab, origin, name) {
  const errors = [];
  const onConsole = (message) => message.type() === 'error' && errors.push(message.text());
  const onError = (error) => errors.push(String(error));
  tab.on('console', onConsole).on('pageerror', onError);
  await tab.goto(`${origin}/${name}.html`, { waitUntil: 'load' });
  // By a timer: in a tab behind another one there are no animation frames.
  await tab.waitForFunction(() => document.querySelector('#app')?.__vue_app__ !== undefined, { polling: 20 });
  const seen = await tab.evaluate(measure, MIN_FONT_PX);
  tab.off('console', onConsole).off('pageerror', onError);
  return { errors, ...seen };
}

/** Runs in the page. */
function measure(least) {
  const width = document.documentElement.clientWidth;
  const main = document.querySelector('.VPContent') ?? document.body;
  const scrolls = (element) => {
    for (let at = element.parentElement; at !== null && at !== document.body; at = at.parentElement)
      if (['auto', 'scroll', 'hidden'].includes(getComputedStyle(at).overflowX)) return true;
    return false;
  };
  const wide = [...main.querySelectorAll('*')]
    .filter((element) => element.getBoundingClientRect().right > width + 1 && !scrolls(element))
    .map((element) => `${element.tagName} ${element.textContent.slice(0, 60)}`);
  if (document.documentElement.scrollWidth > width) wide.push('the page scrolls sideways');
  const small = [...main.querySelectorAll('pre code, code')]
    .filter((element) => Number.parseFloat(getComputedStyle(element).fontSize) < least)
    .map((element) => element.textContent.slice(0, 60));
  const links = [...document.querySelectorAll('a[href]')]
    .filter(({ origin }) => origin === location.origin)
    .map(({ pathname, hash }) => pathname + hash);
  const ids = [...document.querySelectorAll('[id]')].map(({ id }) => id);
  return { wide: wide.slice(0, 3), small: small.slice(0, 3), links: [...new Set(links)], ids };
}

function leads(link, pages) {
  const [pathname, fragment] = link.split('#');
  const file = fileOf(dist, pathname);
  if (file === undefined) return false;
  if (fragment === undefined || !file.endsWith('.html')) return true;
  const page = pages.get(relative(dist, file).replace(/\.html$/, ''));
  return page.ids.includes(decodeURIComponent(fragment));
}

async function testSearch(browser, origin) {
  const tab = await openTab(browser, DESKTOP);
  for (const [words, expected] of SEARCHES) {
    await tab.goto(`${origin}/contents.html`);
    await tab.waitForSelector('#local-search button').then((button) => button.click());
    await tab.waitForSelector('.search-input').then((input) => input.type(words));
    await tab.waitForSelector(`.results a[href*="${expected}"]`, { timeout: 15_000 }).then(
      () => pass(`search finds "${words}" in ${expected}`),
      () => fail(`search finds "${words}" in ${expected}`, 'it is not among the results'),
    );
  }
  await tab.close();
}

async function openTab(browser, viewport, colorScheme = 'light') {
  const tab = await browser.newPage();
  await tab.setViewport(viewport);
  await tab.emulateMediaFeatures([
    { name: 'prefers-color-scheme', value: colorScheme },
    { name: 'prefers-reduced-motion', value: 'reduce' },
  ]);
  return tab;
}

async function shoot(browser, origin, folder) {
  mkdirSync(folder, { recursive: true });
  for (const [device, viewport] of Object.entries({ phone: PHONE, desktop: DESKTOP }))
    for (const colorScheme of ['light', 'dark']) {
      const tab = await openTab(browser, viewport, colorScheme);
      for (const name of SHOTS.filter((name) => existsSync(join(dist, `${name}.html`)))) {
        await tab.goto(`${origin}/${name}.html`, { waitUntil: 'networkidle0' });
        await tab.screenshot({
          path: join(folder, `${name.replaceAll('/', '-')}-${device}-${colorScheme}.png`),
        });
      }
      await tab.close();
    }
}

function pageNames() {
  return readdirSync(dist, { recursive: true })
    .filter((file) => file.endsWith('.html') && file !== '404.html')
    .map((file) => file.replace(/\.html$/, ''))
    .sort();
}

function findChromium() {
  const folders = (process.env.PATH ?? '').split(delimiter);
  const names = ['chromium', 'chromium-browser', 'google-chrome'];
  return folders
    .flatMap((folder) => names.map((name) => join(folder, name)))
    .find((path) => existsSync(path));
}

function pass(name) {
  results.push({ name, outcome: 'passed' });
}

function fail(name, reason) {
  results.push({ name, outcome: 'failed', reason });
}

function skipAll(reason) {
  results.push({ name: 'pages of the site', outcome: 'skipped', reason });
}

function report() {
  const those = (outcome) => results.filter((result) => result.outcome === outcome);
  const failures = those('failed');
  console.log(reportOf({ passed: those('passed').length, failures, skips: those('skipped') }));
  process.exitCode = failures.length === 0 ? 0 : 1;
}
