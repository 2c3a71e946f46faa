/** First capture of `pattern` in `text`, if any. */
export function capture(text: string, pattern: RegExp): string | undefined {
  return pattern.exec(text)?.[1];
}

/** First captures of every match of `pattern`, which must be global. */
export function captures(text: string, pattern: RegExp): string[] {
  return [...text.matchAll(pattern)].map((match) => match[1] ?? '');
}

/** Calls back with each complete line of a text that comes in pieces. */
export function lineSplitter(listener: (line: string) => void): (piece: string) => void {
  let rest = '';
  return (piece) => {
    const lines = (rest + piece).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) listener(line);
  };
}

export function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
