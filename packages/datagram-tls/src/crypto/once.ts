/** `probe` with its answers kept by its arguments. A probe that throws is not supported. */
export function once<Names extends readonly string[]>(
  probe: (...names: Names) => boolean,
): (...names: Names) => boolean {
  const answers = new Map<string, boolean>();
  return (...names) => {
    const [first = ''] = names;
    // It is asked for each hash, key and HMAC of a handshake.
    const key = names.length < 2 ? first : names.join();
    const known = answers.get(key);
    if (known !== undefined) return known;
    const answer = succeeds(() => probe(...names));
    answers.set(key, answer);
    return answer;
  };
}

function succeeds(probe: () => boolean): boolean {
  try {
    return probe();
  } catch {
    return false;
  }
}
