// The whole library under one name; each room is an entry point of its own as well.
export { EkexecError, type ErrorDetails, type ErrorKind } from "./bytes/index.ts";
