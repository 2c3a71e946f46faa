/**
 * Makes the pages of the site from the Markdown of the repository, which stays the source: `pages(folder)` copies each file
 * to its place in `folder`, and turns relative links into links of the site. A link to a file that is no page leads to a
 * page that shows the file.
 */
import { execFileSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, extname, join, relative, resolve } from 'node:path';
import { markdownFiles, root } from '../scripts/documents/markdown.mjs';

export const CONTENTS = 'docs/README.md';
/** Tables that are too large to search in. */
const NOT_SEARCHED = /^(docs\/rfc\/|source\/|CHANGELOG\.md)/;
const IMAGE = /\.(svg|png)$/;
const LANGUAGES = { '.mjs': 'js', '.yaml': 'yaml', '.jsonc': 'json', '.d': 'ts' };

/** Writes all pages. */
export function writePages(folder) {
  const sources = new Set();
  for (const document of markdownFiles()) {
    const text = readFileSync(join(root, document), 'utf8');
    write(folder, placeOf(document), pageOf(document, text, sources));
  }
  for (const path of sources) {
    if (IMAGE.test(path)) copyImage(folder, path);
    else write(folder, placeOf(path), sourcePage(path));
  }
}

/** What is below `public` is part of the site as it is. */
function copyImage(folder, path) {
  const place = join(folder, 'public', path);
  mkdirSync(dirname(place), { recursive: true });
  copyFileSync(join(root, path), place);
}

/** Where a file of the repository stands on the site. */
export function placeOf(path) {
  if (path === 'README.md') return 'index.md';
  if (path === CONTENTS) return 'contents.md';
  if (/^docs\/.*\.md$/.test(path)) return path.slice('docs/'.length).replace(/README\.md$/, 'index.md');
  if (path.endsWith('.md')) return `project/${path.replace('/README.md', '.md').toLowerCase()}`;
  return `source/${path.replaceAll('.', '-')}.md`;
}

function pageOf(document, text, sources) {
  const body = outsideOfCode(text, (prose) =>
    linked(document, prose.replaceAll(/<!--.*?-->\n?/gs, ''), sources),
  );
  if (document === 'README.md') return homePage(body);
  return `---\n${NOT_SEARCHED.test(document) ? 'search: false\n' : ''}editPath: ${document}\n---\n\n${body}`;
}

/** The first screen: the title and the first paragraph of the README, then the rest of it. */
function homePage(body) {
  const [, title, tagline, rest] = /^# ([^\n]*)\n\n(.*?)\n\n(.*)$/s.exec(body);
  const hero = {
    name: title,
    text: 'DTLS for JavaScript',
    tagline: tagline.replaceAll('\n', ' ').replaceAll('`', ''),
    actions: [
      { theme: 'brand', text: 'Tutorial', link: '/tutorial/chat' },
      { theme: 'alt', text: 'All pages', link: '/contents' },
      { theme: 'alt', text: 'API', link: '/api/' },
    ],
  };
  return `---\nlayout: home\nhero: ${JSON.stringify(hero)}\n---\n\n${rest}`;
}

function outsideOfCode(text, change) {
  return text
    .split(/(^\s*```.*?^\s*```$)/ms)
    .map((part, index) => (index % 2 === 1 ? part : change(part)))
    .join('');
}

function linked(document, prose, sources) {
  return prose.replaceAll(/\]\(([^)\s]+)\)/g, (whole, link) => {
    if (/^([a-z]+:|#)/.test(link)) return whole;
    const [path, fragment] = link.split('#');
    const target = relative(root, resolve(root, dirname(document), path));
    const isPage = target.endsWith('.md') && !target.includes('/api/');
    if (!isPage && existsSync(join(root, target))) {
      const index = `${target}/README.md`;
      if (existsSync(join(root, index))) return `](/${hrefOf(index)}${fragmentOf(fragment)})`;
      sources.add(target);
      if (IMAGE.test(target)) return `](/${target})`;
    }
    return `](/${hrefOf(target)}${fragmentOf(fragment)})`;
  });
}

/** The address of a page, without the extension. */
export function hrefOf(path) {
  return placeOf(path)
    .replace(/\.md$/, '')
    .replace(/(^|\/)index$/, '$1');
}

function fragmentOf(fragment) {
  return fragment === undefined ? '' : `#${fragment}`;
}

/** A page that shows a file, or lists a folder. */
function sourcePage(path) {
  const head = `---\nsearch: false\naside: false\n---\n\n# ${path}\n\n`;
  if (statSync(join(root, path)).isDirectory()) {
    const files = execFileSync('git', ['ls-files', path], { cwd: root, encoding: 'utf8' }).trim().split('\n');
    return `${head}${files.map((file) => `- \`${file}\``).join('\n')}\n`;
  }
  const language = LANGUAGES[extname(path)] ?? extname(path).slice(1);
  return `${head}\`\`\`\`${language}\n${readFileSync(join(root, path), 'utf8')}\`\`\`\`\n`;
}

function write(folder, place, text) {
  const file = join(folder, place);
  mkdirSync(dirname(file), { recursive: true });
  if (!existsSync(file) || readFileSync(file, 'utf8') !== text) writeFileSync(file, text);
}

/**
 * The sidebar, which is the list in docs/README.md: a section for each heading, an item for each link. A link to a folder
 * is a closed group of its pages.
 */
export function sidebar() {
  const sections = [];
  for (const line of readFileSync(join(root, CONTENTS), 'utf8').split('\n')) {
    const heading = /^## (.*)$/.exec(line);
    const item = /^- \[(.*?)\]\(([^)]+)\)/.exec(line);
    if (heading !== null) sections.push({ text: heading[1], items: [] });
    else if (item !== null) sections.at(-1).items.push(itemOf(item[1].replaceAll('`', ''), item[2]));
  }
  return sections;
}

function itemOf(text, link) {
  const path = relative(root, resolve(root, dirname(CONTENTS), link.split('#')[0]));
  if (path.endsWith('.md')) return { text, link: `/${hrefOf(path)}` };
  const pages = markdownFiles().filter((document) => document.startsWith(`${path}/`));
  const items = pages.map((document) => ({ text: titleOf(document), link: `/${hrefOf(document)}` }));
  return { text, collapsed: true, items };
}

function titleOf(document) {
  const [, title] = /^# (.*)$/m.exec(readFileSync(join(root, document), 'utf8'));
  return title.replaceAll('`', '');
}
