// The little of Node.js that this package uses there, so that its types need no package of their own.
declare module "node:fs/promises" {
  export function readFile(path: URL, options?: { signal?: AbortSignal }): Promise<Uint8Array<ArrayBuffer>>;
}

declare module "node:url" {
  export function pathToFileURL(path: string): URL;
}

declare module "node:worker_threads" {
  export class Worker {
    constructor(script: URL);
    on(event: string, listener: (value: any) => void): this;
    postMessage(message: unknown): void;
    terminate(): Promise<number>;
    ref(): void;
    unref(): void;
  }
  export const parentPort: {
    on(event: "message", listener: (message: any) => void): void;
    postMessage(message: unknown, moved?: ArrayBuffer[]): void;
  } | null;
}
