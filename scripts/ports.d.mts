export function freePort(options?: { readonly address?: string; readonly inARow?: number }): Promise<number>;
