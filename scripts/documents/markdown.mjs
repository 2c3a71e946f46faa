/** The Markdown of the tree, and the code blocks in it. */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('../..', import.meta.url));

/** Paths from the root of the repository. `packages/*`/api is written by `npm run api`. */
export function markdownFiles() {
  const listed = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard', '*.md'], {
    cwd: root,
    encoding: 'utf8',
  });
  return [...new Set(listed.split('\n'))].filter(
    (path) => path !== '' && existsSync(join(root, path)) && !path.includes('/api/'),
  );
}

/**
 * The fenced blocks of one file, in order. `line` is that of the first line of code, `marks` are the comments
 * `<!-- run: … -->` right before the block.
 */
export function codeBlocks(document, text = readFileSync(join(root, document), 'utf8')) {
  const found = [];
  let open;
  let marks = [];
  text.split('\n').forEach((line, index) => {
    const mark = /^\s*<!-- run: (.+) -->$/.exec(line);
    const fence = /^(\s*)```(\S*).*$/.exec(line);
    if (open !== undefined) {
      if (line.trim() !== '```') open.lines.push(line.slice(open.indent));
      else {
        found.push(finished(document, open));
        open = undefined;
      }
    } else if (fence !== null) {
      open = { line: index + 2, indent: fence[1].length, language: fence[2], marks, lines: [] };
      marks = [];
    } else if (mark !== null) marks.push(mark[1]);
    else if (line.trim() !== '') marks = [];
  });
  return found;
}

function finished(document, { line, language, marks, lines }) {
  return { document, line, language, marks, name: `${document}:${line - 1}`, text: `${lines.join('\n')}\n` };
}

/** What the mark `WORD …` of a block says, or undefined. */
export function markOf(block, word) {
  const mark = block.marks.find((text) => text === word || text.startsWith(`${word} `));
  return mark?.slice(word.length + 1);
}

/** The file that a block is meant to be saved as: a comment at the end of one of its first lines names it. */
export function fileNameOf(block) {
  const [, name] = /^(?:.*\n){0,2}.*(?:\/\/|#) ([\w-]+\.(?:mjs|cjs|js|ts))$/m.exec(head(block.text)) ?? [];
  return name;
}

function head(text) {
  return text.split('\n').slice(0, 3).join('\n');
}

/** The anchor of a heading, as forges make it; repeated ones get `-1`, `-2`, … behind it. */
export function anchorOf(heading) {
  return heading
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
    .replaceAll(' ', '-');
}
