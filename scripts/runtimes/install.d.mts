export interface Runtime {
  readonly name: string;
  readonly kind: 'node' | 'deno' | 'bun';
  readonly args: readonly string[];
  readonly oldest?: boolean;
}

export const RUNTIMES: readonly Runtime[];
export function installed(runtime: Runtime, cache: string): string | undefined;
