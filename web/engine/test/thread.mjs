// A further thread of an engine: the same module over the same memory, with a stack of its own.
import { workerData } from "node:worker_threads";

import { imports } from "./engine.mjs";

const { module, shared, seat } = workerData;
const { exports } = new WebAssembly.Instance(module, imports(() => shared, shared));
exports.__stack_pointer.value = seat;
exports.sqb_thread_main(seat);
