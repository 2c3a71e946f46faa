import { existsSync, readFileSync } from 'node:fs';
import { defineConfig } from 'vitepress';
import { anchorOf } from '../../scripts/documents/markdown.mjs';
import { sidebar } from '../pages.mjs';

const API = new URL('../.pages/api/sidebar.json', import.meta.url);

export default defineConfig({
  title: 'datagram-tls',
  description: 'DTLS 1.2 and 1.3 for JavaScript: client and server',
  lang: 'en',
  base: process.env.DOCS_BASE ?? '/',
  srcDir: '.pages',
  outDir: 'dist',
  cacheDir: '.cache',
  // The pages also work from a server that knows nothing of them.
  cleanUrls: false,
  markdown: {
    // The anchors of forges, which the relative links of the Markdown are written for.
    anchor: { slugify: anchorOf },
    theme: { light: 'github-light-high-contrast', dark: 'github-dark' },
  },
  head: [['link', { rel: 'icon', href: 'data:,' }]],
  themeConfig: {
    search: {
      provider: 'local',
      options: { _render: searchable, miniSearch: { searchOptions: { boostDocument } } },
    },
    outline: [2, 3],
    nav: [
      { text: 'Guide', link: '/contents' },
      { text: 'Options', link: '/options' },
      { text: 'API', link: '/api/' },
    ],
    sidebar: withApi(sidebar()),
    docFooter: { prev: 'Before', next: 'Next' },
  },
});

/** The reference, which typedoc wrote, stands before the section on the project. */
function withApi(sections) {
  if (!existsSync(API)) return sections;
  const api = { text: 'API', collapsed: true, items: JSON.parse(readFileSync(API, 'utf8')) };
  return [...sections.slice(0, -1), api, ...sections.slice(-1)];
}

function searchable(source, env, md) {
  const html = md.render(source, env);
  return env.frontmatter?.search === false ? '' : html;
}

/** A guide comes before the reference, and both before decisions and reports. */
function boostDocument(id) {
  if (/\/(adr|project|rfc)\//.test(id)) return 0.2;
  return id.includes('/api/') ? 0.4 : 1;
}
