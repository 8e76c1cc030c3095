// A further thread of the engine: the same module over the same memory. It works there until it is ended.
import { listen } from "./listen.js";
import { Wasm } from "./wasm.js";

listen(({ module, memory, seat }) => Wasm.join(module, memory, seat));
