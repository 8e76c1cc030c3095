// Runs a WASI program in node: node wasi.mjs PROGRAM.wasm [ARGUMENT...]; its exit status is ours.
import { readFileSync } from "node:fs";
import { argv, exit } from "node:process";
import { setFlagsFromString } from "node:v8";
import { WASI } from "node:wasi";

const wasi = new WASI({ version: "preview1", args: argv.slice(2) });
const program = readFileSync(argv[2]);
if (!WebAssembly.validate(program)) setFlagsFromString("--experimental-wasm-relaxed-simd"); // Node.js 20 has it turned off
const module = await WebAssembly.compile(program);
const instance = await WebAssembly.instantiate(module, wasi.getImportObject());
exit(wasi.start(instance));
